"""Worlds as an agent sees them, made by `rlvision.make_env` and `Run.make_env`."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import rlvision
from rlvision.config.loading import load_config, save_config
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.envs.counting_env import CountingEnv
from rlvision.envs.pixel_env import PixelEnv, PixelVectorEnv
from rlvision.envs.preprocessing import observation_shape
from rlvision.runs import builders

OWN = "rlvision.envs.counting_env:CountingEnv"


@pytest.mark.parametrize(
    "world", ["CartPole-v1", "quick", OWN, CountingEnv, CountingEnv(), rlvision.Config(), Path("own.yaml")]
)
def test_a_world_is_made_alone_or_as_a_vector(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text("env: {game: CartPole-v1}\n")
    with closing(rlvision.make_env(world)) as env, closing(rlvision.make_env(world, 2)) as vector:
        assert (type(env), type(vector), vector.num_envs) == (PixelEnv, PixelVectorEnv, 2)
        assert isinstance(env, gymnasium.Env)
        assert isinstance(vector, gymnasium.vector.VectorEnv)
        np.testing.assert_array_equal(vector.reset(seed=3)[0][0], env.reset(seed=3)[0])
    assert sorted(Path().iterdir()) == [Path("own.yaml")], "nothing else is written"


def test_settings_are_a_dict_and_keywords_over_a_preset():
    made = rlvision.make_env(OWN, settings={"env.stack": 2, "env.height": 40}, env={"height": 32, "gray": False})
    with closing(made) as env:
        assert env.observation_space.shape == (6, 32, 77)
    with closing(rlvision.make_env("CartPole-v1", preset="quick")) as env:
        assert env.observation_space.shape == observation_shape(load_config("cartpole-dqn").env)


def test_the_size_does_not_come_from_a_run_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Path(f"runs/{OWN.replace(':', '-')}-seed1")
    run.mkdir(parents=True)
    save_config(load_config(OWN, {"env.height": 50}), run / "config.yaml")
    with closing(rlvision.make_env(OWN)) as env:
        assert env.observation_space.shape[1] != 50


@pytest.mark.parametrize("num_envs", ["2", 2.0, True, 0, -1])
def test_a_number_of_environments_that_is_none_is_refused(num_envs):
    with pytest.raises(ConfigError, match=r"expected .*num_envs"):
        rlvision.make_env(OWN, num_envs)


def test_a_run_makes_environments_of_its_kind(tmp_path, small_run):
    small_run(tmp_path / "run")
    run = rlvision.load(tmp_path / "run")
    with closing(run.make_env()) as env, closing(run.make_env(3)) as vector:
        assert env.observation_space.shape == run.spec.observation_shape
        observation, _ = env.reset(seed=0)
        env.step(run.act(observation))
        observations, _ = vector.reset(seed=0)
        vector.step(run.act(observations))


def test_the_games_of_a_run_are_whole_though_its_training_episodes_were_lives():
    config = load_config("breakout", {"env.life_loss": True, "env.height": 36, "env.width": 36})
    with closing(builders.make_env(config, 1)) as rows:
        spec = rows.spec
    run = object.__new__(rlvision.Run)  # as far as its environments need it
    run.config, run.spec = config, spec
    with closing(run.make_env()) as env:
        assert not env.vector.rows.protocol.life_loss
    with pytest.raises(ConfigError, match=r"env.life_loss unset or False"):
        rlvision.make_env(config)
    run.spec = replace(spec, frameskip=9)
    with pytest.raises(CheckpointError, match="frameskip"):
        run.make_env(2)
