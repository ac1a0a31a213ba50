"""A run that was stopped and continued by the same command equals the one that was not, bit for bit."""

import signal
from contextlib import contextmanager

import numpy as np
import pytest

from rlvision.core.errors import CheckpointError
from rlvision.runs.training import train
from rlvision.training.trainer import Trainer
from tests.conftest import BREAKOUT, CARTPOLE, COUNTING, END, PONG, PRIORITISED


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, everything, small, watch_runs):
    with pytest.MonkeyPatch.context() as monkeypatch:
        return everything(watch_runs(monkeypatch).train(small(tmp_path_factory.mktemp("undisturbed"))))


CASES = {
    "pixels, one environment, dropout": (
        CARTPOLE,
        {"env__num_envs": 1, "network__dropout": 0.3, "exploration__kind": "softmax", "agent__double": False},
    ),
    "pixels, three environments, prioritised": (
        CARTPOLE,
        {"env__num_envs": 3, **PRIORITISED, "network__dropout": 0.5, "network__hidden": 8, "network__dueling": True},
    ),
    "atari, ladder, prioritised": (PONG, {"exploration__kind": "ladder", **PRIORITISED}),
    "atari, lost lives, new seeds": (BREAKOUT, {"agent__target_tau": 0.1, "optimiser__name": "rmsprop"}),
    "compressed frames": (COUNTING, {"replay__compression": "lz4"}),
    "schedules, statistics measured anew": (
        COUNTING,
        {"network__norm": "recalibrated", "optimiser__schedule": "cosine", "optimiser__warmup_updates": 9},
    ),
    "quantiles, prioritised": (
        COUNTING,
        {"agent__name": "qr_dqn", "agent__quantiles": 4, "network__dueling": True, **PRIORITISED},
    ),
    "noise in the weights explores": (
        COUNTING,
        {"network__noisy": True, "exploration__kind": "noisy", "network__hidden": 8, "agent__name": "qr_dqn"},
    ),
    "random actions last": (COUNTING, {"exploration__kind": "persistent", "exploration__persistence": 1.3}),
    "observations are shifted": (COUNTING, {"agent__augmentation": "shift"}),
    "the horizon moves, prioritised": (
        COUNTING,
        {"agent__final_n_step": 6, "agent__final_gamma": 0.999, "agent__horizon_env_steps": 120, **PRIORITISED},
    ),
    "rows without an update before them": (COUNTING, {"replay__samples_per_env_step": 0.15, "tracking__log_every": 6}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_continued_run_equals_the_undisturbed_one(
    tmp_path, monkeypatch, watched, name, differences, everything, small, stop_at
):
    world, settings = CASES[name]
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", world, **settings)))
    config = small(tmp_path / "continued", world, **settings)
    for env_steps in (33, 107) if world is COUNTING else (107,):  # neither a time to log nor to save
        stop_at(monkeypatch, env_steps)
        session = watched.train(config)
        assert env_steps <= session._trainer._collector.env_steps < env_steps + 3
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_packed_frames_change_no_bit_even_from_one_session_to_the_next(
    tmp_path, monkeypatch, watched, undisturbed, differences, everything, small, stop_at
):
    stop_at(monkeypatch, 60)
    watched.train(small(tmp_path, replay__compression="lz4"))
    assert differences(undisturbed, everything(watched.train(small(tmp_path)))) == []


def test_one_seed_gives_one_run_and_another_seed_another(
    tmp_path, watched, undisturbed, differences, everything, small
):
    same, other = (everything(watched.train(small(tmp_path / f"{seed}", seed=seed))) for seed in (1, 2))
    assert differences(undisturbed, same) == []
    found = differences(undisturbed, other)
    for part in ("online/encoder.conv1.weight", "replay/0", "memory/generator", "policy/generator", "env/seed"):
        assert any(part in difference for difference in found), part


@pytest.mark.parametrize("when", ["in the periodic evaluation", "in the final evaluation"])
def test_a_signal_during_an_exam_is_obeyed_at_once_and_the_exam_made_up_for(
    tmp_path, monkeypatch, watched, undisturbed, when, differences, everything, small
):
    step = Trainer._run_pending_eval
    at = {"in the periodic evaluation": 60, "in the final evaluation": END}[when]

    def interrupted_exam(self):
        if self._eval_state.pending and self._collector.env_steps == at:
            monkeypatch.setattr(Trainer, "_run_pending_eval", step)
            signal.raise_signal(signal.SIGINT)
        step(self)

    monkeypatch.setattr(Trainer, "_run_pending_eval", interrupted_exam)
    config = small(tmp_path / "continued")
    with pytest.raises(KeyboardInterrupt):
        watched.train(config)
    trainer = watched.sessions[-1]._trainer
    assert trainer._collector.env_steps == at
    assert trainer._eval_state.recorded_at < at
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_a_run_that_is_complete_stays_as_it_is(tmp_path, watched, differences, everything, small):
    config = small(tmp_path / "run")
    before = everything(watched.train(config))
    assert differences(before, everything(watched.train(config))) == []


def test_a_run_that_is_brought_back_says_how_far_its_replay_and_its_games_are(
    tmp_path, monkeypatch, watched, small, stop_at
):
    told: dict[str, list[tuple[int, int]]] = {}

    @contextmanager
    def collect(description, *, quiet):
        assert not quiet
        yield lambda done, total: told.setdefault(description, []).append((done, total))

    config = small(tmp_path / "run")
    stop_at(monkeypatch, 80)
    watched.train(config)
    monkeypatch.setattr("rlvision.runs.session.show_steps", collect)
    watched.train(config)
    assert sorted(told) == ["reading the replay", "restoring the games"]
    assert all(progress[-1][0] == progress[-1][1] > 0 for progress in told.values())


def test_without_a_saved_replay_a_continued_run_gathers_a_new_one_first_and_says_so(
    tmp_path, monkeypatch, watched, capsys, small, stop_at
):
    config = small(tmp_path / "run", checkpoint__replay=False)
    stop_at(monkeypatch, 80)
    stopped = watched.train(config)._agent
    assert not (tmp_path / "run" / "checkpoints" / "replay").exists()
    updates, rows = stopped.learner.updates, stopped.memory._ring.rows
    assert "replay" not in capsys.readouterr().out
    finished = watched.train(config)._agent
    assert "without its replay: the run collects 24 env steps before it learns again" in capsys.readouterr().out
    assert finished.memory._ring.rows == END // 2 - rows
    assert finished.memory.env_steps == END  # by which its schedules go on
    assert finished.learner.updates - updates == (END - 80 - 24 - 2) // 8  # of what came after learning_starts


def test_where_a_world_does_not_repeat_itself_new_games_begin(
    tmp_path, monkeypatch, watched, caplog, metrics, small, stop_at
):
    world = {**COUNTING, "env.game": "small_worlds:Drifting", "env.kwargs": {"lengths": [60]}}
    config = small(tmp_path, world, evaluate_every=0)
    stop_at(monkeypatch, 80)
    watched.train(config)
    ring = watched.train(config)._agent.memory._ring
    assert "2 of 2 environments did not repeat their past" in caplog.text
    first = ring.first(np.arange(ring.oldest, ring.rows))  # [rows, N]
    assert (first.nonzero()[0] + ring.oldest).tolist() == [40, 40]  # the row after the stop, and no other
    assert [row for row in metrics(tmp_path) if "episode/score" in row] == []  # a cut game has no score


def damage(path):
    path.write_bytes(path.read_bytes()[:-1] + b"!")


@pytest.mark.parametrize("what", ["checkpoint", "replay"])
def test_a_damaged_newest_checkpoint_costs_only_what_came_after_the_one_before(
    tmp_path, monkeypatch, watched, undisturbed, caplog, what, differences, everything, small, stop_at
):
    config = small(tmp_path / "continued")
    stop_at(monkeypatch, 90)
    checkpoints = watched.train(config)._folder.checkpoints
    damage(checkpoints.paths()[-1] if what == "checkpoint" else max(checkpoints.replay_folder.iterdir()))
    stop_at(monkeypatch, 84)  # before the damaged one
    watched.train(config)
    assert "undamaged" in caplog.text or "the file is damaged" in caplog.text
    assert [int(path.stem) for path in checkpoints.paths()] == [80, 84]  # the damaged one is no longer in the way
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_damage_to_all_checkpoints_is_an_error_that_changes_nothing(tmp_path, monkeypatch, watched, small, stop_at):
    config = small(tmp_path / "run")
    stop_at(monkeypatch, 90)
    folder = watched.train(config)._folder
    damage(min(folder.checkpoints.replay_folder.iterdir()))  # both checkpoints need it
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match=r"got 2 damaged: set checkpoint=dict.replay=False. if there is a replay"):
        train(config)
    assert before == {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    finished = watched.train(small(tmp_path / "run", checkpoint__replay=False))
    assert finished._trainer._collector.env_steps == END
    assert not list(folder.checkpoints.replay_folder.iterdir())  # nothing needs the replay's files any more
