"""Runs whose world, network or agent is a Python object, and the agents that `load` returns."""

import signal
import sys
import threading
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from rlvision.core import user_code
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.runs.loading import load
from rlvision.runs.training import resume, train

SMALL = {
    "env_steps": 60,
    "evaluate_every": 30,
    "wandb": "disabled",
    "threads": 1,
    "device": "cpu",
    "env": {"height": 29, "width": 29, "stack": 1, "num_envs": 2},
    "replay": {"learning_starts": 20, "capacity": 100, "batch_size": 8},
    "network.calibration_batches": 2,
    "evaluation.games": 2,
    "tracking.video_every": 0,
}
ONE = {**SMALL, "env": {**SMALL["env"], "num_envs": 1}}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def striped():
    from open_worlds import Striped

    return Striped


@pytest.fixture(scope="module")
def trained(own_code, tmp_path_factory):
    """An agent that has learned in the striped world."""
    from open_worlds import Striped

    return train(Striped, SMALL, out=tmp_path_factory.mktemp("striped") / "run")


@pytest.fixture
def another_process(monkeypatch):
    """Forget the objects of this process, as another one does not have them."""
    return lambda: monkeypatch.setattr(user_code, "_objects", {})


def test_a_function_trains_and_its_run_is_continued_by_the_same_program(striped, capsys):
    run = train(lambda: striped(), SMALL, out="run")
    assert run.env_steps > 0
    assert "exists in this program alone" in capsys.readouterr().out
    longer = train(lambda: striped(), SMALL, out="run", env_steps=90)
    assert longer.config.env_steps == 90
    assert "continuing" in capsys.readouterr().out


def test_a_class_is_recorded_so_that_every_process_finds_it(striped, capsys):
    run = train(striped, SMALL, out="run")
    assert run.config.env.game == "open_worlds:Striped"
    assert "this program alone" not in capsys.readouterr().out


def test_one_environment_trains_evaluates_and_stays_open(striped):
    class Closing(striped):
        closed = False

        def close(self):
            self.closed = True

    env = Closing()
    run = train(env, ONE, out="run")
    assert run.evaluate(games=2).scores == [6.0, 6.0]
    assert not env.closed


def test_workers_get_the_object_that_makes_the_world(striped):
    settings = {**SMALL, "env": {**SMALL["env"], "num_workers": 1}}
    assert train(lambda: striped(), settings, out="run").env_steps > 0


def test_an_object_that_cannot_be_sent_to_workers_is_refused(striped):
    lock, settings = threading.Lock(), {**SMALL, "env": {**SMALL["env"], "num_workers": 1}}
    with pytest.raises(ConfigError, match=r"expected a world that can be sent to worker processes.*num_workers=0"):
        train(lambda: striped() if lock else None, settings, out="run")


def test_a_run_of_an_object_needs_it_again(striped, another_process):
    train(lambda: striped(), SMALL, out="run")
    another_process()
    with pytest.raises(ConfigError, match=r"hand it over, as in rlvision.load\(run, env=World\)"):
        load("run").evaluate(games=1)
    with pytest.raises(ConfigError, match="hand it over"):
        resume("run", env_steps=120)
    assert load("run", env=striped).evaluate(games=1).scores == [6.0]


def test_a_network_of_a_class_of_this_process_needs_it_again(striped, another_process):
    from own_networks import Particular

    class Mine(Particular): ...

    mine = train(striped, SMALL, network=Mine, out="run")
    another_process()
    with pytest.raises(ConfigError, match="expected the Python object encoder=object:Mine-"):
        load("run")
    again = load("run", network=Mine)
    picture = np.ones(mine.spec.observation_shape, np.uint8)
    assert np.array_equal(again.q_values(picture), mine.q_values(picture))
    with pytest.raises(ConfigError, match="expected no class for dqn, which is found by its name"):
        load("run", network=Mine, algorithm=Mine)


def test_a_class_whose_module_has_another_name_now_is_handed_over(striped, another_process, monkeypatch):
    from own_networks import Particular

    picture = np.ones(train(striped, SMALL, network=Particular, out="run").spec.observation_shape, np.uint8)
    known = load("run", network=Particular).q_values(picture)
    another_process()
    monkeypatch.setitem(sys.modules, "own_networks", ModuleType("own_networks"))  # it has no such class any more
    with pytest.raises(ConfigError, match="expected a class 'Particular' in 'own_networks', got none"):
        load("run", trust_imports=True)
    assert np.array_equal(load("run", network=Particular, trust_imports=True).q_values(picture), known)


def test_an_agent_plays_in_another_world(trained):
    from open_worlds import Captioned

    assert trained.evaluate(Captioned, 1).scores == [6.0]
    assert load(trained.folder.path, env=Captioned, trust_imports=True).config.env.game == "open_worlds:Captioned"
    with pytest.raises(ConfigError, match="write games=3"):
        trained.evaluate(3)


def test_one_observation_or_many_in_the_forms_of_stable_baselines(trained):
    run = load(trained.folder.path, trust_imports=True)
    many = np.random.default_rng(0).integers(255, size=(5, *run.spec.observation_shape), dtype=np.uint8)
    actions, values = run.act(many), run.q_values(many)
    assert actions.tolist() == values.argmax(axis=1).tolist()
    assert run.act(many[2]).shape == ()
    assert run.act(many[2]) == actions[2]
    assert run.q_values(many[2]) == pytest.approx(values[2], rel=1e-4)
    predicted, state = run.predict(many, deterministic=True)
    assert (predicted.tolist(), state) == (actions.tolist(), None)
    run.config = replace(run.config, evaluation=replace(run.config.evaluation, epsilon=1.0))
    assert len({tuple(run.predict(many, deterministic=False)[0].tolist()) for _ in range(4)}) > 1


@pytest.mark.parametrize(
    "strange",
    [np.zeros((30, 28, 3), np.uint8), np.zeros((1, 29, 29)), np.zeros((2, 2, 1, 29, 29), np.uint8), [1, 2], None],
)
def test_other_observations_are_refused(trained, strange):
    with pytest.raises(ConfigError, match=r"expected observations uint8 \[1, 29, 29\], or N of them, got .*make_env"):
        trained.act(strange)


def test_the_words_are_those_of_python(striped, trained):
    with pytest.raises(ConfigError, match=r"another out: out='.*run-2' is free, and out='auto' finds"):
        train(striped, SMALL, out=trained.folder.path, seed=2)


def test_masked_actions_are_legal_whether_best_or_drawn(trained):
    run = load(trained.folder.path, trust_imports=True)
    run.config = replace(run.config, evaluation=replace(run.config.evaluation, epsilon=1.0))
    many = np.zeros((200, *run.spec.observation_shape), np.uint8)
    mask = np.array([True, False, True])
    assert set(run.act(many, mask)) <= {0, 2}
    assert set(run.predict(many, deterministic=False, action_masks=mask)[0]) == {0, 2}
    assert run.act(many[0], np.array([0, 1, 0])) == 1
    rows = np.eye(3, dtype=np.bool_)[np.arange(200) % 3]
    assert run.act(many, rows).tolist() == (np.arange(200) % 3).tolist()


@pytest.mark.parametrize("strange", [[True, True], [[True, True, True]] * 2, [False, False, False]])
def test_other_masks_are_refused(trained, strange):
    with pytest.raises(ConfigError, match=r"expected a mask \[1, 3\] with a legal action in each row"):
        trained.act(np.zeros(trained.spec.observation_shape, np.uint8), strange)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamse": 2}, "expected an argument of evaluate, got gamse: did you mean 'games'"),
        ({"games": "3"}, "expected games as a whole number of at least 1, got '3'"),
        ({"games": 0}, "expected games as a whole number of at least 1, got 0"),
        ({"games": 1, "num_envs": True}, "expected num_envs as a whole number of at least 1, got True"),
        ({"games": 1, "seed": -1}, "expected seed as a whole number of at least 0, got -1"),
        ({"games": 1, "epsilon": 2}, "expected epsilon as a probability from 0 to 1, got 2"),
        ({"games": 1, "epsilon": "x"}, "expected epsilon as a probability from 0 to 1, got 'x'"),
    ],
)
def test_arguments_of_an_evaluation_are_checked(trained, arguments, message):
    with pytest.raises(ConfigError, match=message):
        trained.evaluate(**arguments)


@pytest.mark.parametrize("arguments", [{"episodes": 0}, {"episodes": "2"}, {"max_steps": -1}])
def test_arguments_of_watching_are_checked(trained, arguments, tmp_path):
    with pytest.raises(ConfigError, match="as a whole number of at least 1, got"):
        trained.watch(tmp_path / "a.mp4", **arguments)


def test_a_world_with_other_actions_is_told_from_an_old_version(trained):
    from open_worlds import Told

    with pytest.raises(CheckpointError, match=r"got actions .*: choose a world with as many"):
        trained.evaluate(partial(Told, actions=5), 1)


def test_what_reset_returns_is_told_from_an_observation(trained):
    with pytest.raises(ConfigError, match="expected observations, got a tuple of 2: hand over the first of it alone"):
        trained.act((np.zeros(trained.spec.observation_shape, np.uint8), {}))


def test_ctrl_c_ends_the_program_after_the_run_is_saved(striped, stop_at, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_at(patch, 40, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            train(striped, SMALL, out="run")
    assert "interrupted by SIGINT; the same command continues" in capsys.readouterr().out
    train(striped, SMALL, out="run")
    assert "continuing run at 40 env steps" in capsys.readouterr().out
