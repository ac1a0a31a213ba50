"""Settings from what a Python program has: worlds in every form, keywords, classes and numpy's numbers."""

import re
from functools import partial
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import rlvision
from rlvision.config.loading import load_config
from rlvision.core.errors import ConfigError, EnvError
from rlvision.core.user_code import kept_object
from rlvision.runs.python_settings import config_of, describe_objects, with_world


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def worlds():
    import open_worlds

    return open_worlds


def test_a_name_is_a_preset_or_a_world_as_in_a_shell():
    assert config_of("pong") == load_config("pong")
    assert config_of("MiniGrid-Empty-5x5-v0") == load_config("MiniGrid-Empty-5x5-v0")
    changes = {"env.game": "breakout", "out": "runs/breakout-seed1"}
    assert config_of("breakout", preset="pong") == load_config("pong", changes)


def test_a_class_is_named_by_its_import_path_and_has_the_preset_pixels(worlds):
    config = config_of(worlds.Striped)
    assert config == load_config("open_worlds:Striped")
    assert describe_objects(config) == ()
    changes = {"env.game": "open_worlds:Striped", "out": "runs/open_worlds-Striped-seed1"}
    assert config_of(worlds.Striped, preset="quick") == load_config("quick", changes)


def test_the_arguments_of_a_partial_are_settings_if_they_are_plain(worlds):
    config = config_of(partial(worlds.Told, actions=5))
    assert (config.env.game, config.env.kwargs) == ("open_worlds:Told", {"actions": 5})
    config = config_of(partial(worlds.Told, names=lambda: ["a", "b", "c"]))
    assert config.env.game.startswith("object:Told-")
    assert config.env.kwargs == {}


def test_what_only_this_process_has_is_kept_and_said(worlds):
    config = config_of(lambda: worlds.Striped())
    assert config.env.game.startswith("object:lambda-")
    assert config.out == f"runs/{config.env.game.removeprefix('object:')}-seed1"
    assert isinstance(kept_object(config.env.game, "env.game")(), worlds.Striped)
    (line,) = describe_objects(config)
    assert f"env.game={config.env.game} exists in this program alone" in line


def test_one_environment_is_trained_alone(worlds):
    config = config_of(worlds.Striped())
    assert (config.env.num_envs, config.env.num_workers) == (1, 0)
    assert re.fullmatch(r"object:Striped-[0-9a-f]{6}", config.env.game)
    with pytest.raises(ConfigError, match=r"expected env.num_envs=1 for the world object:Striped-.*, got 4:"):
        config_of(worlds.Striped(), changes={"env": {"num_envs": 4}})


def test_what_an_environment_is_wrapped_in_is_part_of_its_name(worlds):
    def half(reward):
        return reward / 2

    def twice(reward):
        return reward * 2

    wrap = gymnasium.wrappers.TransformReward
    made = [
        worlds.Striped(),
        wrap(worlds.Striped(), half),
        wrap(worlds.Striped(), twice),
        wrap(wrap(worlds.Striped(), half), twice),
        wrap(wrap(worlds.Striped(), twice), twice),
        gymnasium.wrappers.TimeLimit(worlds.Striped(), 20),
        gymnasium.wrappers.TimeLimit(worlds.Striped(), 30),
    ]
    names = [config_of(env).env.game for env in made]
    assert len(set(names)) == len(made)
    assert all(name.startswith("object:Striped-") for name in names)
    assert config_of(wrap(worlds.Striped(), half)).env.game == names[1]
    ids = [config_of(gymnasium.make("CartPole-v1", max_episode_steps=steps)).env.game for steps in (20, 30, 20)]
    assert ids[0] == ids[2] != ids[1]


def test_a_registered_environment_has_its_id(worlds):
    assert config_of(gymnasium.make("CartPole-v1", render_mode="rgb_array")).env.game.startswith("object:CartPole-v1-")
    assert config_of(gymnasium.spec("CartPole-v1")).env.game == "CartPole-v1"
    spec = gymnasium.envs.registration.EnvSpec("Mine-v3", entry_point=worlds.Striped)
    assert config_of(spec).env.game.startswith("object:make-")
    other = gymnasium.envs.registration.EnvSpec("Mine-v4", entry_point=worlds.Striped)
    assert config_of(spec).env.game != config_of(other).env.game


@pytest.mark.parametrize("strange", [3, 3.5, [1], b"pong", gymnasium.make_vec("CartPole-v1", num_envs=2)])
def test_what_is_no_world_is_refused(strange):
    with pytest.raises(ConfigError, match="expected a preset, the name of a world, an environment class, a function"):
        config_of(strange)


def test_keywords_win_over_settings_dotted_or_nested():
    settings = {"agent.n_step": 4, "agent": {"double": False}, "env_steps": 100}
    config = config_of("cartpole-dqn", settings, changes={"agent": {"n_step": 7}, "env_steps": 1e6})
    assert (config.agent.n_step, config.agent.double, config.env_steps) == (7, False, 1_000_000)
    assert isinstance(config.env_steps, int)


def test_numpys_numbers_and_paths_are_plain_values():
    changes = {"env_steps": np.int64(50), "agent": {"gamma": np.float32(0.5)}, "out": Path("runs/x")}
    config = config_of("cartpole-dqn", changes=changes)
    assert (config.env_steps, config.agent.gamma, config.out) == (50, 0.5, "runs/x")
    assert type(config.env_steps) is int


def test_a_name_or_a_class_may_stand_for_the_agent_and_the_network():
    import own_agents
    import own_networks

    named = config_of("cartpole-dqn", changes={"agent": "qr_dqn", "network": "nature"})
    assert (named.agent.name, named.network.encoder) == ("qr_dqn", "nature")
    agent = next(value for value in vars(own_agents).values() if hasattr(value, "make_agent"))
    path = f"{agent.__module__}:{agent.__qualname__}"
    assert config_of("cartpole-dqn", changes={"agent": agent}).agent.name == path
    assert config_of("cartpole-dqn", changes={"agent": {"name": agent, "step_size": 0.5}}).agent.step_size == 0.5
    config = config_of("cartpole-dqn", changes={"network": own_networks.Particular})
    assert config.network.encoder == "own_networks:Particular"
    config = config_of("cartpole-dqn", changes={"network": {"encoder": own_networks.Particular, "hidden": 64}})
    assert (config.network.encoder, config.network.hidden) == ("own_networks:Particular", 64)


def test_a_class_of_this_process_is_kept_for_the_network():
    from own_networks import Particular

    class Mine(Particular): ...

    config = config_of("cartpole-dqn", changes={"network": Mine})
    assert config.network.encoder.startswith("object:Mine-")
    assert len(describe_objects(config)) == 1


def test_a_complete_config_stands_alone():
    config = load_config("cartpole-dqn")
    assert config_of(config) is config
    with pytest.raises(ConfigError, match="expected a Config alone"):
        config_of(config, changes={"env_steps": 5})
    with pytest.raises(ConfigError, match="expected a Config alone"):
        config_of(config, preset="pong")


def test_a_world_may_be_named_among_the_settings(worlds):
    assert config_of("cartpole-dqn", changes={"env": {"game": worlds.Striped}}).env.game == "open_worlds:Striped"
    assert config_of("cartpole-dqn", {"env.game": "pong"}).env.game == "pong"


def test_another_world_drops_the_arguments_of_the_runs_own(worlds):
    config = config_of(partial(worlds.Told, actions=5))
    assert with_world(config, None) is config
    other = with_world(config, worlds.Striped)
    assert (other.env.game, other.env.kwargs, other.env.height) == ("open_worlds:Striped", {}, config.env.height)
    with pytest.raises(ConfigError, match="expected a world first, got the number 4: write games=4"):
        with_world(config, 4)


def test_an_environment_keeps_its_name_while_it_is_played(worlds):
    env = worlds.Striped()
    before = config_of(env).env.game
    env.reset(seed=0)
    env.step(0)
    assert config_of(env).env.game == before
    other = worlds.Striped()
    other.speed = 3
    assert config_of(other).env.game != before


def test_the_folder_is_named_by_the_world_whatever_the_preset(worlds):
    assert config_of("pong", preset="quick").out == "runs/pong-seed1"
    assert config_of(worlds.Striped, preset="quick", changes={"seed": 4}).out == "runs/open_worlds-Striped-seed4"
    assert config_of(worlds.Striped, preset="quick", changes={"out": "mine"}).out == "mine"


@pytest.mark.parametrize(
    ("settings", "changes", "words"),
    [
        ([1, 2], {}, r"expected settings as a dict, such as \{'agent.gamma': 0.9\}, got \[1, 2\] of type list"),
        (None, {"callback": []}, r"expected a setting, got callback: did you mean callbacks=\[...\]\?"),
        (None, {"logger": 1}, r"got logger: did you mean trackers=\[...\]\?"),
        (None, {"agent": {"nstep": 3}}, r"got 'agent.nstep': did you mean agent.n_step\?"),
        (None, {"device": "gpu"}, r"got 'gpu': set device='auto'"),
    ],
)
def test_words_of_other_libraries_are_answered(settings, changes, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        rlvision.train("quick", settings, out=tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_an_id_that_resembles_none_is_not_answered_with_a_game():
    with pytest.raises(ConfigError, match=r"got 'FooBar-v0': what a package registers goes by package:FooBar-v0"):
        rlvision.make_env("FooBar-v0")
    with pytest.raises(ConfigError, match=r"got 'CartPool-v1': did you mean 'CartPole-v1'"):
        rlvision.make_env("CartPool-v1")


def test_an_environment_that_was_made_without_pictures_is_named_as_that():
    with pytest.raises(EnvError, match=r"render modes human, rgb_array\): make it with render_mode='rgb_array'"):
        rlvision.make_env(gymnasium.make("CartPole-v1"))


def test_the_module_shows_its_public_names_and_its_version():
    assert rlvision.__version__ == version("rlvision")
    assert [name for name in dir(rlvision) if not name.startswith("__")] == sorted(rlvision.__all__)
