"""What follows from the world: its preset, its unset settings, and what of a preset suits only its own game."""

import subprocess
import sys

import pytest

from rlvision.config.fields import flatten
from rlvision.config.loading import load_config
from rlvision.config.schema import Config
from rlvision.config.world_names import is_atari_name


@pytest.fixture(autouse=True)
def _without_runs(tmp_path, monkeypatch):
    """A run in the default folder would fill in what is unset."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "is_atari"),
    [
        ("pong", True),
        ("ALE/Pong-v5", True),
        ("PongNoFrameskip-v4", True),
        ("CartPole-v1", False),
        ("Pong-v9", False),
        ("MyWorld", False),
        ("mine:World", False),
        ("mine:Pong-v5", False),
    ],
)
def test_a_name_tells_whether_it_is_an_atari_game(name, is_atari):
    assert is_atari_name(name) == is_atari


@pytest.mark.parametrize(
    ("name", "agent", "decision", "out"),
    [
        ("MiniGrid-Empty-5x5-v0", "dqn", (1, False), "runs/MiniGrid-Empty-5x5-v0-seed1"),
        ("mine.worlds:World", "dqn", (1, False), "runs/mine.worlds-World-seed1"),
        ("ALE/Breakout-v5", "dqn", (4, True), "runs/ALE-Breakout-v5-seed1"),
        ("ms_pacman", "dqn", (4, True), "runs/ms_pacman-seed1"),
        ("pong", "pqn", (4, True), "runs/pong-seed1"),
    ],
)
def test_the_name_of_a_world_stands_for_the_preset_of_its_kind(name, agent, decision, out):
    config = load_config(name)
    assert (config.agent.name, config.out) == (agent, out)
    assert (config.env.frameskip, config.env.max_pool) == decision
    assert config.env.game == name
    of_kind = load_config("atari" if decision[1] else "pixels")
    assert config.env_steps == of_kind.env_steps or name == "pong"
    assert config.agent.reward_clip == (1.0 if decision[1] else None)


def test_another_world_takes_nothing_that_suits_cartpole_alone():
    config, quick = (
        load_config("quick", {"env.game": "mine:World", "env.num_envs": 3}),
        load_config("quick"),
    )
    default = flatten(load_config("pixels"))
    values = flatten(config)
    of_env = [name for name in values if name.startswith("env.") and name not in ("env.game", "env.num_envs")]
    assert {name: values[name] for name in of_env} == {name: default[name] for name in of_env}
    assert (config.agent.reward_scale, quick.agent.reward_scale) == (1.0, 0.05)
    assert (config.agent.gamma, config.env_steps, config.env.num_envs) == (quick.agent.gamma, quick.env_steps, 3)
    assert load_config("quick", {"env.game": "mine:World", "env.frameskip": 3, "env.stack": 2}).env.frameskip == 3


def test_another_atari_game_keeps_what_suits_all_atari_games():
    pong, other = load_config("pong"), load_config("pong", {"env.game": "breakout"})
    assert (pong.evaluation.target_score, other.evaluation.target_score) == (18.0, None)
    assert (pong.evaluation.promising_score, other.evaluation.promising_score) == (14.0, None)
    assert other.agent == pong.agent
    cropped = load_config("breakout", {"env.game": "pong"})
    assert (cropped.env.crop, cropped.env.actions, cropped.env.full_action_space) == (None, None, None)


@pytest.mark.parametrize("name", ["ALE/Pong-v5", "PongNoFrameskip-v4"])
def test_the_same_game_by_another_name_keeps_all(name):
    assert load_config("pong", {"env.game": name}).evaluation == load_config("pong").evaluation


def test_an_agents_rewards_are_raw_unless_something_bounds_them():
    assert load_config("cartpole").agent.reward_clip is None
    assert Config().agent.reward_clip is None
    assert [load_config(name).agent.reward_clip for name in ("atari", "breakout", "pong", "pong-dqn")] == [1.0] * 4


def test_presets_are_read_without_the_libraries_of_the_worlds():
    code = "import sys; from rlvision.config.loading import load_config; "
    code += "[load_config(name) for name in ('pong', 'quick', 'atari', 'pixels', 'mine:World')]; "
    code += "print({'ale_py', 'gymnasium'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
