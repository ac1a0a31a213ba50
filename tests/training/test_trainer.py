"""The loop: what it does when, what ends it, and what does not disturb it."""

import errno
import math
import os
import threading
from fractions import Fraction
from itertools import pairwise

import pytest

import rlvision.runs.session
import rlvision.runs.training
from rlvision.core.errors import CheckpointError
from rlvision.core.types import Episode
from rlvision.envs.vector_env import ReplayableVectorEnv
from rlvision.evaluation.result import Evaluation
from rlvision.learning.learner import QLearner
from rlvision.runs.checkpoint import CheckpointFolder, read_state
from rlvision.runs.training import Session
from rlvision.training.trainer import RECENT_GAMES
from tests.conftest import BREAKOUT, END, PONG


@pytest.fixture
def rows_with(metrics):
    def _rows_with(folder, name):
        return [row["env_steps"] for row in metrics(folder) if name in row]

    return _rows_with


def reached(period, stride, end):
    """The first counts, in strides, at or after each multiple of a period."""
    return sorted({math.ceil(k / stride) * stride for k in range(period, end + 1, period)})


# When


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("ratio", [0.7, 2.0])
def test_the_replay_ratio_is_exact_at_every_step(tmp_path, monkeypatch, watched, num_envs, ratio, note_calls, small):
    made = []
    note_calls(monkeypatch, QLearner, "update", lambda *_: made.append(watched.collector.env_steps))
    settings = {"replay__samples_per_env_step": ratio, "env__num_envs": num_envs, "evaluate_every": 0}
    watched.train(small(tmp_path, env_steps=60, **settings))
    for env_steps in range(num_envs, 60, num_envs):  # remembered when it is the learner's turn
        due = Fraction(str(ratio)) / 8 * max(0, env_steps - 24)
        assert sum(at <= env_steps for at in made) == int(due)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_rows_exams_and_checkpoints_come_when_the_plan_says(
    tmp_path, monkeypatch, watched, num_envs, note_calls, small, rows_with
):
    saved = []
    note_calls(monkeypatch, Session, "_save", lambda _, env_steps, state: saved.append(env_steps))
    plan = {"tracking__log_every": 10, "evaluate_every": 25, "checkpoint_every": 16, "env_steps": 70}
    watched.train(small(tmp_path, env__num_envs=num_envs, **plan))
    end = math.ceil(70 / num_envs) * num_envs
    assert rows_with(tmp_path, "counters/updates") == reached(10, num_envs, end)
    assert rows_with(tmp_path, "evaluate/mean") == [*reached(25, num_envs, end), end]
    assert saved == [*reached(16, num_envs, end), end]


def test_no_exam_and_no_checkpoint_but_the_last(tmp_path, watched, small, rows_with):
    folder = watched.train(small(tmp_path, evaluate_every=0, checkpoint_every=0))._folder
    assert rows_with(tmp_path, "evaluate/mean") == [END]
    assert [int(path.stem) for path in folder.checkpoints.paths()] == [END]


class InTurn:
    """Environments that step while they are told to, so that nothing happens at the same time."""

    def __init__(self, send, recv):
        self._send, self._recv, self._row = send, recv, None

    def send(self, env, action):
        self._send(env, action)
        self._row = self._recv(env)

    def recv(self, env):
        return self._row


def test_learning_while_the_emulators_run_changes_nothing(
    tmp_path, monkeypatch, watched, differences, everything, small
):
    settings = {"replay__prioritised": True, "evaluate_every": 0}
    overlapped = everything(watched.train(small(tmp_path / "overlapped", PONG, **settings)))
    in_turn = InTurn(ReplayableVectorEnv.send, ReplayableVectorEnv.recv)
    monkeypatch.setattr(ReplayableVectorEnv, "send", lambda env, action: in_turn.send(env, action))
    monkeypatch.setattr(ReplayableVectorEnv, "recv", lambda env: in_turn.recv(env))
    assert differences(overlapped, everything(watched.train(small(tmp_path / "in turn", PONG, **settings)))) == []


# What ends it


def test_early_stopping_keeps_the_weights_of_the_best_exam(
    tmp_path, monkeypatch, watched, differences, metrics, small, rows_with
):
    scores, weights = iter([1.0, 3.0, 2.0, 3.0, 2.5, 9.0]), []

    def scripted(*_, **__):
        online = watched.sessions[-1]._agent.learner.networks.online
        weights.append({name: tensor.clone() for name, tensor in online.state_dict().items()})
        return Evaluation((Episode(next(scores), 1, 1, 0),))

    monkeypatch.setattr(rlvision.runs.session, "evaluate", scripted)
    watched.train(small(tmp_path, evaluate_every=30, env_steps=500, evaluation__patience=3))
    assert rows_with(tmp_path, "evaluate/mean") == [30, 60, 90, 120, 150]  # three in a row without a new best
    best = read_state(tmp_path / "checkpoints" / "best.ckpt")
    assert best["env_steps"] == 120  # of the two best, the last
    assert differences(best["online"], weights[3]) == []
    assert differences(best["online"], weights[4]) != []
    assert [row["evaluate/best"] for row in metrics(tmp_path) if "evaluate/best" in row] == [1, 3, 3, 3, 3]


@pytest.fixture
def evaluations(monkeypatch):
    """The scores that the evaluations of a run have, in their order."""
    scores = []
    monkeypatch.setattr(
        rlvision.runs.session, "evaluate", lambda *_, **__: Evaluation((Episode(scores.pop(0), 1, 1, 0),))
    )
    return scores


def test_training_games_that_reach_the_target_bring_an_evaluation_and_that_one_ends_the_run(
    tmp_path, watched, evaluations, capsys, metrics, small
):
    evaluations += [-51.0, -50.5, -50.0]
    watched.train(small(tmp_path, env_steps=2000, evaluate_every=0, evaluation__target_score=-50.0))
    assert evaluations == []
    rows = metrics(tmp_path)
    games = [row["env_steps"] for row in rows if "episode/score" in row]
    means = [row["episode/score_mean_20"] for row in rows if "episode/score" in row]
    reached = [row["env_steps"] for row in rows if "evaluate/mean" in row]
    played = [sum(at <= env_steps for at in games) for env_steps in reached]
    assert all(means[count - 1] >= -50.0 for count in played)
    assert all(after - before >= RECENT_GAMES for before, after in pairwise([0, *played]))
    early = [count for count, mean in enumerate(means, 1) if count >= RECENT_GAMES and mean >= -50.0]
    assert played[0] - early[0] <= 1  # two games may end in the same step
    assert games[-1] == reached[-1]
    assert "an evaluation reached -50" in capsys.readouterr().out


def test_a_scheduled_evaluation_that_reaches_the_target_ends_the_run_though_the_training_games_do_not(
    tmp_path, watched, evaluations, metrics, small, rows_with
):
    evaluations += [1.0, 3.0]
    watched.train(small(tmp_path, env_steps=2000, evaluate_every=30, evaluation__target_score=2.0))
    assert rows_with(tmp_path, "evaluate/mean") == [30, 60]
    assert max(row["env_steps"] for row in metrics(tmp_path)) == 60


# What does not disturb it


@pytest.mark.parametrize("settings", [{"network__dropout": 0.3}, {"network__norm": "joint"}])
def test_exams_rows_and_checkpoints_change_nothing_in_training(
    tmp_path, watched, settings, differences, everything, small
):
    """Not the weights or running statistics, not the games, not a single draw of a random number."""
    often, never = (
        everything(watched.train(small(tmp_path / str(every), evaluate_every=every, **plan, **settings)))["state"]
        for every, plan in (
            (20, {"env_steps": 100, "checkpoint_every": 16, "tracking__log_every": 6}),
            (0, {"env_steps": 100, "checkpoint_every": 0, "tracking__log_every": 1000}),
        )
    )
    for measured in ("eval_state", "meter"):
        del often["trainer"][measured], never["trainer"][measured]
    del often["trainer"]["collector"]["returns"], never["trainer"]["collector"]["returns"]
    assert differences(often, never) == []


def test_games_of_training_are_scored_whole_and_raw(tmp_path, watched, metrics, small):
    """Lost lives end no game, what the learner clips is not clipped, and truncation does not matter."""
    settings = {
        "agent__reward_clip": 0.1,
        "replay__capacity": 800,
        "replay__samples_per_env_step": 0.1,
        "evaluate_every": 0,
    }
    session = watched.train(small(tmp_path, BREAKOUT, env_steps=700, env__max_episode_frames=500, **settings))
    ring = session._agent.memory._ring
    reward = ring.reward[: ring.rows * 2].view(-1, 2).T  # [N, T]
    terminated, _, first = ring.flags[: ring.rows * 2].view(-1, 2, 3).permute(2, 1, 0)  # [N, T]
    scores = []
    for env in range(2):
        begins = first[env].nonzero().flatten().tolist()
        scores += [float(reward[env, start:stop].sum()) for start, stop in pairwise(begins)]
    games = [row for row in metrics(tmp_path) if "episode/score" in row]
    assert sorted(row["episode/score"] for row in games) == sorted(scores)
    assert max(scores) >= 1.0
    assert terminated.sum() > 2  # lives were lost
    assert all(row["episode/frames"] == 4 * row["episode/length"] >= 300 for row in games)  # and games went on


def test_a_full_disk_costs_checkpoints_but_not_the_run(
    tmp_path, monkeypatch, watched, caplog, differences, everything, small
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed")))
    fsync = os.fsync

    def full_for_a_while(descriptor):
        if 70 < watched.collector.env_steps < 130:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full_for_a_while)
    session = watched.train(small(tmp_path / "run"))
    assert [record.message for record in caplog.records].count(
        "expected to write a checkpoint, got No space left on device: training continues without it, free some space"
    ) == 2  # after 80 and 120 env steps
    assert differences(undisturbed, everything(session)) == []
    assert not list((tmp_path / "run").rglob("*.part"))


def test_the_best_weights_that_a_full_disk_did_not_take_are_written_with_the_next_checkpoint(
    tmp_path, monkeypatch, watched, caplog, differences, small
):
    best = {60: 3.0, 120: 9.0, 160: 1.0}
    monkeypatch.setattr(Session, "_evaluate", lambda _, at, interrupted: Evaluation((Episode(best[at], 1, 1, at),), {}))
    undisturbed = watched.train(small(tmp_path / "undisturbed"))
    save_best, failures = CheckpointFolder.save_best, []

    def full_once(self, state):
        if state["env_steps"] == 120 and not failures:
            failures.append(state["env_steps"])
            raise OSError(errno.ENOSPC, "No space left on device")
        save_best(self, state)

    monkeypatch.setattr(CheckpointFolder, "save_best", full_once)
    session = watched.train(small(tmp_path / "run"))
    assert failures == [120]
    assert "expected to write the best weights, got No space left on device" in caplog.text
    states = [read_state(one._folder.checkpoints.best_path) for one in (undisturbed, session)]
    assert [state["env_steps"] for state in states] == [120, 120]
    assert differences(*states) == []


def test_a_full_disk_at_the_end_is_an_error_and_the_same_command_continues(
    tmp_path, monkeypatch, watched, differences, everything, note_calls, small
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed")))

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        note_calls(patch, Session, "_save", lambda _, at, state: at == END and patch.setattr(os, "fsync", full))
        with pytest.raises(CheckpointError, match="No space left on device: fix that, and the same command continues"):
            rlvision.runs.training.train(small(tmp_path / "run"))
    assert [int(path.stem) for path in watched.sessions[-1]._folder.checkpoints.paths()] == [80, 120]
    assert differences(undisturbed, everything(watched.train(small(tmp_path / "run")))) == []


def test_a_run_may_be_trained_in_a_thread_where_no_signals_arrive(tmp_path, watched, small):
    thread = threading.Thread(target=rlvision.runs.training.train, args=(small(tmp_path, env_steps=40),))
    thread.start()
    thread.join()
    assert watched.collector.env_steps == 40
