"""Callbacks: what they are told, what they may do, and that a run is otherwise the same."""

import math
import os
import signal
from collections import deque
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from rlvision import Callback, LogMetric, StopAtScore
from rlvision.core.errors import ConfigError
from rlvision.core.types import Episode
from rlvision.runs.training import resume, train
from rlvision.training.active_run import ActiveRun
from rlvision.training.callback_list import EVENTS
from tests.conftest import COUNTING, PONG

PQN = {
    "env_steps": 200,
    "evaluate_every": 60,
    "agent__name": "pqn",
    "agent__rollout_steps": 6,
    "agent__batch_size": 8,
    "env__num_envs": 4,
}
AGENTS = {"replay": (COUNTING, {}), "rollouts in halves": (PONG, PQN), "rollouts": (COUNTING, PQN)}


class Recorder(Callback):
    """Notes what happens, over all sessions, and reads all that there is to read."""

    def __init__(self):
        self.seen, self._last = [], None

    def _note(self, run, event, *what):
        assert run.folder.is_dir()
        assert run.frames == run.env_steps * run.spec.frameskip
        self.seen.append([event, run.env_steps, *what])

    def on_training_begin(self, run):
        self._note(run, "begin")

    def on_step(self, run, step):
        assert run.q_function(step.observation).shape == (run.spec.num_envs, run.spec.num_actions)
        assert step is not self._last
        self._last = step
        self._note(run, "step", int(step.action[0]))

    def on_episode(self, run, episode):
        assert run.scores[-1] == run.metrics["episode/score"] == episode.score
        self._note(run, "episode", run.episodes, episode.score)

    def on_update(self, run, update):
        self._note(run, "update", run.updates, float(update.loss))

    def on_evaluation(self, run, evaluation):
        self._note(run, "evaluation", evaluation.mean)

    def on_checkpoint(self, run, path):
        assert path.is_file()
        self._note(run, "checkpoint", path.stem)

    def on_training_end(self, run, reason):
        self._note(run, "end", reason)

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]

    def of(self, *events):
        return [each for each in self.seen if each[0] in events]


class At(Callback):
    """Does something once, at an event after so many env steps."""

    def __init__(self, event, env_steps, what):
        self._env_steps, self._what = env_steps, what
        setattr(self, event, self._do)

    def _do(self, run, *given):
        if run.env_steps >= self._env_steps and self._what:
            what, self._what, self.at = self._what, None, run.env_steps
            what(run)


@pytest.fixture(autouse=True)
def _sessions(watched):
    """No run draws its curve."""


@pytest.fixture(scope="module")
def all_of(everything):
    """All that there is of a run, but the state of callbacks."""

    def _all_of(session):
        found = everything(session)
        del found["state"]["callbacks"]
        return found

    return _all_of


@pytest.fixture(scope="module")
def alone(tmp_path_factory, all_of, small, watch_runs):
    """The same for the run of each of `AGENTS`, undisturbed and without callbacks."""
    known = {}

    def _alone(name):
        if name not in known:
            world, settings = AGENTS[name]
            with pytest.MonkeyPatch.context() as monkeypatch:
                runs = watch_runs(monkeypatch)
                known[name] = all_of(runs.train(small(tmp_path_factory.mktemp("alone"), world, **settings)))
        return known[name]

    return _alone


# What they are told


@pytest.mark.parametrize("name", AGENTS)
def test_events_come_in_their_order_and_change_nothing(
    tmp_path, watched, differences, alone, all_of, small, metrics, name
):
    recorder, (world, settings) = Recorder(), AGENTS[name]
    session = watched.train(small(tmp_path, world, **settings), callbacks=[recorder])
    assert differences(alone(name), all_of(session)) == []
    rows, stride, end = metrics(tmp_path), session._env.spec.num_envs, session._config.env_steps
    assert [each[1] for each in recorder.of("step")] == list(range(stride, end + 1, stride))
    assert [each[2] for each in recorder.of("update")] == list(range(1, session._agent.learner.updates + 1))
    for event, metric in (("episode", "episode/score"), ("evaluation", "evaluate/mean")):
        told = [(each[1], each[-1]) for each in recorder.of(event)]
        assert told == [(row["env_steps"], row[metric]) for row in rows if metric in row] != []
    assert [int(each[2]) for each in recorder.of("checkpoint")] == [*range(40, end + 1, 40), end]
    assert [each[0] for each in recorder.seen[:2]] == ["begin", "step"]
    assert [each[0] for each in recorder.seen[-3:]] == ["evaluation", "end", "checkpoint"]
    assert recorder.seen[-2][2] == f"all {end} env steps are done"


@pytest.mark.parametrize("name", AGENTS)
def test_an_interrupted_run_goes_on_with_their_state(
    tmp_path, monkeypatch, watched, differences, alone, all_of, small, stop_at, name
):
    world, settings = AGENTS[name]
    config = small(tmp_path, world, **settings)
    monkeypatch.setattr("rlvision.training.trainer.MAX_ROWS", 2)
    stop_at(monkeypatch, 70)
    before, after = Recorder(), Recorder()
    watched.train(config, callbacks=[before, StopAtScore(1e9)])
    session = watched.train(config, callbacks=[after, StopAtScore(1e9)])
    assert differences(alone(name), all_of(session)) == []
    stride, end = session._env.spec.num_envs, session._config.env_steps
    assert [each[1] for each in after.of("step")] == list(range(stride, end + 1, stride))
    assert after.seen[: len(before.seen) - 1] == before.seen[:-1]  # the last checkpoint cannot know of itself
    assert before.seen[-2][2].startswith("interrupted by SIGTERM")
    assert len(after.of("begin")) == 2


def test_the_last_metrics_are_known_from_the_start_of_a_continued_run(tmp_path, small):
    found, config = [], small(tmp_path, env_steps=60, evaluate_every=0)
    train(config, callbacks=[At("on_step", 50, lambda run: run.stop("later", finished=False))])
    train(config, callbacks=[At("on_training_begin", 0, lambda run: found.append(run.metrics))])
    assert "loss/td" in found[0]
    with pytest.raises(TypeError):
        found[0]["loss/td"] = 1.0


# What they may do


def test_a_stop_evaluates_and_finishes_the_run(tmp_path, watched, small, metrics, capsys):
    config = small(tmp_path, evaluate_every=0)
    stop = At("on_update", 50, lambda run: [run.stop("enough"), run.stop("too late")])
    watched.train(config, callbacks=[stop])
    assert watched.collector.env_steps == stop.at + 2  # of the step that was under way
    assert [row["env_steps"] for row in metrics(tmp_path) if "evaluate/mean" in row] == [stop.at + 2]
    assert "\nenough\n" in capsys.readouterr().out
    train(config)
    assert "is finished: enough; only a larger" in capsys.readouterr().out
    assert watched.train(small(tmp_path, evaluate_every=0, env_steps=170))._trainer._collector.env_steps == 170


@pytest.mark.parametrize("name", ["replay", "rollouts"])
def test_a_run_that_is_stopped_for_now_goes_on_by_the_same_call(
    tmp_path, monkeypatch, watched, differences, alone, all_of, small, name
):
    world, settings = AGENTS[name]
    config = small(tmp_path, world, **settings)
    monkeypatch.setattr("rlvision.training.trainer.MAX_ROWS", 2)
    stop = At("on_step", 70, lambda run: run.stop("time is up", finished=False))
    watched.train(config, callbacks=[stop])
    assert 70 <= watched.collector.env_steps <= 76
    assert differences(alone(name), all_of(watched.train(config))) == []


class Pause(Callback):
    """Stops for now in each session, once."""

    def on_evaluation(self, run, evaluation):
        run.stop("look at it", finished=False)


def test_the_reason_of_a_pause_says_how_to_go_on(tmp_path, small, capsys):
    train(small(tmp_path, evaluate_every=30), callbacks=[Pause()])
    assert "interrupted by a callback (look at it); the same call continues" in capsys.readouterr().out


@pytest.fixture
def active():
    """A run whose rows go to the tracker `Lines`."""
    collector = SimpleNamespace(env=SimpleNamespace(spec=None), env_steps=10)
    return ActiveRun(Path(), SimpleNamespace(q_function=None), collector, Lines(), deque())


def test_a_run_under_way_says_how_far_it_is(active):
    active._collector.episodes = 3
    assert repr(active) == "ActiveRun('.', env_steps=10, episodes=3)"


@pytest.mark.parametrize("reason", ["", None, 3])
def test_a_stop_needs_a_reason(active, reason):
    with pytest.raises(ConfigError, match="expected a reason as text in stop, got"):
        active.stop(reason)
    assert active.end_reason is None


class Lines:
    """A tracker in memory."""

    def __init__(self):
        self.rows, self.closed = [], 0

    def log(self, metrics, env_steps):
        self.rows.append({"env_steps": env_steps, **metrics})

    def close(self):
        self.closed += 1


def test_own_rows_go_to_every_tracker(tmp_path, small, metrics, capsys):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines = Lines()
    numbers = {"mine/a": torch.tensor(2.5), "b": True, "mine/c.d-e": math.inf}
    config = small(tmp_path, env_steps=40, evaluate_every=0, tracking__tensorboard=True)
    train(config, callbacks=[At("on_step", 10, lambda run: run.log(numbers))], trackers=[lines])
    expected = {"env_steps": 10, "mine/a": 2.5, "b": 1.0, "mine/c.d-e": math.inf}
    assert expected in lines.rows
    assert {**expected, "mine/c.d-e": "Infinity"} in metrics(tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("mine/a")] == [(10, 2.5)]
    assert [row["env_steps"] for row in lines.rows] == [row["env_steps"] for row in metrics(tmp_path)]
    assert lines.closed == 1
    assert "failed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"loss/td": 1.0}, "expected a metric of your own, got 'loss/td', .*: call it mine/td"),
        ({"loss/other": 1.0}, "call it mine/other"),
        ({"weights/encoder": 1.0}, "call it mine/encoder"),
        ({"env_steps": 1.0}, "call it mine/env_steps"),
        ({"rollout/ep_rew_mean": 1.0}, "call it mine/ep_rew_mean"),
        ({"curve": 1.0}, "call it mine/curve"),
        ({"": 1.0}, "expected the name of a metric"),
        ({"_step": 1.0}, "expected the name of a metric"),
        ({"mine/": 1.0}, "expected the name of a metric"),
        ({"a b": 1.0}, "expected the name of a metric"),
        ({"a\n": 1.0}, "expected the name of a metric"),
        ({"a" * 101: 1.0}, "expected the name of a metric"),
        ({3: 1.0}, "expected the name of a metric"),
        ({"mine/a": "1"}, "expected a number for the metric mine/a, got '1' of type str"),
        ({"mine/a": None}, "expected a number for the metric mine/a"),
        ({"mine/a": torch.ones(2)}, r"expected a number for the metric mine/a, got torch.float32 \[2\]"),
        ({f"mine/{number}": 1.0 for number in range(201)}, "expected up to 200 metrics by name in log"),
        ([1.0], "expected up to 200 metrics by name in log"),
    ],
)
def test_a_row_that_cannot_be_logged_is_refused(active, row, message):
    with pytest.raises(ConfigError, match=message):
        active.log(row)
    active.log({})
    assert active._tracker.rows == []


def test_a_row_that_the_checkpoint_would_not_contain_is_refused(tmp_path, small):
    with pytest.raises(ConfigError, match="expected log in another event, got it in on_checkpoint"):
        train(small(tmp_path), callbacks=[At("on_checkpoint", 0, lambda run: run.log({"mine/a": 1.0}))])


# Errors


def fail(run):
    raise OSError("the user's own disk")


@pytest.mark.parametrize("event", EVENTS)
def test_an_error_saves_the_run_which_goes_on_as_if_it_had_not_been(
    tmp_path, watched, differences, alone, all_of, small, capsys, event
):
    after = 0 if event == "on_training_begin" else 30
    wrong, later = At(event, after, fail), []
    with pytest.raises(OSError, match="the user's own disk") as error:
        watched.train(small(tmp_path), callbacks=[wrong, At(event, after, later.append)])
    assert later == []  # no callback is called after an error
    assert error.traceback[-1].name == "fail"
    assert error.value.__notes__ == [
        f"raised in At.{event}; the run is saved after this step, and the same call continues it"
    ]
    assert f"interrupted by OSError in At.{event}; the same call continues" in capsys.readouterr().out
    ended = watched.collector.env_steps
    assert ended == wrong.at + 2 * (event == "on_update")  # of the step that was under way
    assert int(max((tmp_path / "checkpoints").glob("[0-9]*.ckpt")).stem) == ended
    assert differences(alone("replay"), all_of(watched.train(small(tmp_path)))) == []


def test_an_error_in_a_rollout_saves_it_too(tmp_path, watched, differences, alone, all_of, small):
    config = small(tmp_path, COUNTING, **PQN)
    with pytest.raises(OSError, match="the user's own disk"):
        train(config, callbacks=[At("on_step", 66, fail)])
    assert differences(alone("rollouts"), all_of(watched.train(config))) == []


class Unplain(Callback):
    """Has a state that no checkpoint can be read with."""

    def state_dict(self):
        return {"path": math}

    def load_state_dict(self, state):
        raise AssertionError


def test_a_state_that_cannot_be_stored_ends_the_run_at_its_beginning(tmp_path, watched, small):
    with pytest.raises(TypeError, match="expected numbers, text, lists, dicts and tensors in its state, got module"):
        watched.train(small(tmp_path), callbacks=[Unplain()])
    assert watched.collector.env_steps == 0


def test_a_signal_in_a_callback_ends_the_run_after_it(tmp_path, small, capsys):
    told = []
    ctrl_c = At("on_step", 50, lambda run: [os.kill(os.getpid(), signal.SIGINT), told.append(run.env_steps)])
    with pytest.raises(KeyboardInterrupt):
        train(small(tmp_path), callbacks=[ctrl_c])
    assert told == [50]
    assert max(path.stem for path in (tmp_path / "checkpoints").glob("[0-9]*.ckpt")) == "000000000050"
    assert "interrupted by SIGINT" in capsys.readouterr().out


# Continuing with others


def test_a_run_says_which_callbacks_are_missing_and_which_are_new(tmp_path, small, capsys):
    def pause():
        return At("on_step", 0, lambda run: run.stop("for now", finished=False))

    config = small(tmp_path, env_steps=20)
    train(config, callbacks=[StopAtScore(1e9), pause()])
    capsys.readouterr()
    train(config, callbacks=[pause(), pause()])
    told = capsys.readouterr().out
    assert "continuing without callbacks that the run had: StopAtScore" in told
    assert "continuing with callbacks that the run did not have, or whose state is not stored: At" in told
    resume(tmp_path)
    assert "continuing without callbacks that the run had: At, At" in capsys.readouterr().out


# The two built in


class Game:
    """As much of a run as the built-in callbacks look at."""

    def __init__(self, num_envs=1):
        self.spec, self.env_steps = SimpleNamespace(num_envs=num_envs), 0
        self.rows, self.reasons = [], []

    def log(self, row):
        self.rows.append((self.env_steps, row))

    def stop(self, reason):
        self.reasons.append(reason)


def episode(score):
    return Episode(score, 1, 1, 0)


def test_a_score_is_the_mean_of_so_many_games_and_survives_an_interruption():
    run, callback = Game(), StopAtScore(2.0, games=3)
    for score in (9.0, 0.0, 1.0, 4.0):  # means of three: 3.3 at the third
        callback.on_episode(run, episode(score))
        if score == 0.0:
            assert run.reasons == []
            state, callback = callback.state_dict(), StopAtScore(2.0, games=3)
            callback.load_state_dict(state)
    assert run.reasons == ["the mean of the last 3 training games reached 3.33333"]  # then 1.7
    exact = StopAtScore(2, games=1)
    exact.on_episode(run, episode(2.0))
    assert len(run.reasons) == 2


def test_a_score_ends_a_run(tmp_path, watched, small, metrics, capsys):
    watched.train(small(tmp_path, env_steps=2000, evaluate_every=0), callbacks=[StopAtScore(-1e9, games=4)])
    assert sum("episode/score" in row for row in metrics(tmp_path)) in (4, 5)
    assert "the mean of the last 4 training games reached" in capsys.readouterr().out


@pytest.mark.parametrize(("num_envs", "due"), [(1, [30, 60, 90]), (4, [32, 60, 92]), (50, [50, 100])])
def test_a_metric_comes_when_its_env_steps_are_reached(num_envs, due):
    run = Game(num_envs)
    callback = LogMetric("mine/a", lambda run: run.env_steps / 2, every=30)
    while run.env_steps < 92:
        run.env_steps += num_envs
        callback.on_step(run, None)
        callback.on_episode(run, episode(1.0))
    assert run.rows == [(at, {"mine/a": at / 2}) for at in due]


def test_a_metric_comes_with_every_game(tmp_path, small, metrics):
    train(small(tmp_path, evaluate_every=0), callbacks=[LogMetric("mine/best", lambda run: max(run.scores))])
    rows = metrics(tmp_path)
    scores = [row["episode/score"] for row in rows if "episode/score" in row]
    assert [row["mine/best"] for row in rows if "mine/best" in row] == [
        max(scores[max(0, count - 20) : count]) for count in range(1, len(scores) + 1)
    ]
    assert all("mine/best" in after for before, after in pairwise(rows) if "episode/score" in before)


# What is none


class Misspelt(Callback):
    def on_epsiode(self, run, episode):
        """Never called."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"callbacks": Callback()}, "expected a list in callbacks, got .*: put it in brackets"),
        ({"callbacks": [Callback]}, r"expected objects in callbacks, got the class Callback: call it, Callback\(\)"),
        ({"callbacks": [print]}, "expected an rlvision.Callback in callbacks, got .*: derive its class from it"),
        ({"callbacks": [Misspelt()]}, "expected an event in Misspelt, got on_epsiode: did you mean 'on_episode'?"),
        ({"trackers": Lines()}, "expected a list in trackers, got .*: put it in brackets"),
        ({"trackers": [Lines]}, r"expected objects in trackers, got the class Lines: call it, Lines\(\)"),
        ({"trackers": [[]]}, r"expected tracker list to have log\(metrics, env_steps\) and close\(\), got no log and"),
    ],
)
def test_what_is_no_callback_and_no_tracker_is_refused_before_anything_is_created(tmp_path, small, given, message):
    with pytest.raises(ConfigError, match=message):
        train(small(tmp_path / "run"), **given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StopAtScore("18"), "expected a number for score, got '18'"),
        (lambda: StopAtScore(18, games=0), "expected games of at least 1, got 0"),
        (lambda: StopAtScore(18, games=2.5), "expected games of at least 1, got 2.5"),
        (lambda: LogMetric("loss/td", len), "expected a metric of your own, got 'loss/td'"),
        (lambda: LogMetric("mine/a", 3), "expected a function of the run for metric mine/a, got 3"),
        (lambda: LogMetric("mine/a", len, every=0), 'expected every to be env steps of at least 1 or "episode", got 0'),
        (lambda: LogMetric("mine/a", len, every="game"), "got 'game' of type str"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# Trackers


class Counting(Lines):
    """Counts its rows over all sessions."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def log(self, metrics, env_steps):
        self.count += 1

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def test_trackers_of_one_class_each_have_their_state(tmp_path, monkeypatch, small, metrics, stop_at):
    config = small(tmp_path, evaluate_every=0)
    stop_at(monkeypatch, 70)
    train(config, trackers=[Counting(), Counting(), Lines()])
    both = [Counting(), Counting()]
    train(config, trackers=both)
    assert [each.count for each in both] == [len(metrics(tmp_path))] * 2


def test_a_tracker_that_fails_does_not_end_the_run(tmp_path, watched, small, caplog):
    lines = Lines()
    lines.rows = None
    assert watched.train(small(tmp_path, env_steps=40), trackers=[lines])._trainer._collector.env_steps == 40
    assert "tracker Lines failed in log (AttributeError: " in caplog.text
    assert lines.closed == 1
