"""A name chooses the kind of environment; settings that mean nothing to it are refused."""

import multiprocessing

import pytest

from rlvision.core.errors import ConfigError
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.factory import is_atari, make
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.settings import EnvSettings


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pong", AtariEnv),
        ("ALE/Pong-v5", AtariEnv),
        ("PongNoFrameskip-v4", AtariEnv),
        ("CartPole-v1", GymnasiumEnv),
        ("rlvision.envs.counting_env:CountingEnv", GymnasiumEnv),
    ],
)
def test_the_name_chooses_the_kind(name, kind):
    env = make(EnvSettings(game=name), 1)
    assert type(env) is kind
    assert is_atari(name) == (kind is AtariEnv)
    env.close()


def test_a_protocol_fixes_what_is_not_given():
    machado = make(EnvSettings(game="pong", protocol="machado"), 1)
    assert (machado.protocol.sticky, machado.spec.num_actions) == (0.25, 18)
    machado.close()
    departed = make(EnvSettings(game="pong", protocol="machado", full_action_space=False, sticky=0.1), 1)
    assert (departed.protocol.sticky, departed.spec.num_actions) == (0.1, 6)
    assert departed.protocol.noop_max == 0
    departed.close()


def test_shapes_and_names_are_known_before_a_game_begins(made):
    env = made("breakout", 1, gray=False, stack=2, frameskip=3, height=20)
    spec = env.spec
    env.close()
    assert spec.observation_shape == (6, 20, 84)
    assert (spec.frame_channels, spec.stack, spec.frameskip) == (3, 2, 3)
    assert spec.action_meanings == ("NOOP", "FIRE", "RIGHT", "LEFT")
    env = made("CartPole-v1", 1, height=160, crop=(160, 320, 0, 600), num_workers=4)
    assert env.spec.observation_shape == (4, 160, 84)
    env.close()


def test_a_single_environment_runs_in_a_worker_where_there_are_workers(made):
    before = len(multiprocessing.active_children())
    env = made("CartPole-v1", 1, num_workers=4)
    assert len(multiprocessing.active_children()) == before + 1
    env.close()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("pongg", {}, "did you mean 'pong'"),
        ("ALE/Breakot-v5", {}, "did you mean 'breakout'"),
        ("CartPole-v0x", {}, "expected an Atari game, a Gymnasium id"),
        ("pong", {"protocol": "atari"}, "expected a protocol of machado, nature, got 'atari'"),
        ("pong", {"num_workers": 2}, "expected env.num_workers unset for pong, which has no such setting, got 2"),
        ("CartPole-v1", {"sticky": 0.25}, "expected env.sticky unset for CartPole-v1, .* got 0.25: leave it out"),
        ("CartPole-v1", {"protocol": "machado"}, "expected env.protocol unset for CartPole-v1"),
    ],
)
def test_what_has_no_meaning_is_refused(name, settings, message):
    with pytest.raises(ConfigError, match=message):
        make(EnvSettings(game=name, **settings), 1)
