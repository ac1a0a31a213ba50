import pytest

from rlvision.core.errors import ConfigError
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.gymnasium_env import RenderedEnv
from rlvision.envs.make import describe, is_atari, make


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pong", AtariEnv),
        ("ALE/Pong-v5", AtariEnv),
        ("PongNoFrameskip-v4", AtariEnv),
        ("CartPole-v1", RenderedEnv),
        ("rlvision.envs.counting_env:CountingEnv", RenderedEnv),
    ],
)
def test_the_name_chooses_the_kind(name, kind):
    env = make(name, 1)
    assert type(env) is kind
    assert is_atari(name) == (kind is AtariEnv)
    env.close()


def test_a_protocol_fixes_what_is_not_given():
    machado = make("pong", 1, protocol="machado")
    assert (machado.emulation.sticky, machado.spec.num_actions) == (0.25, 18)
    machado.close()
    departed = make("pong", 1, protocol="machado", full_action_space=False, sticky=0.1)
    assert (departed.emulation.sticky, departed.spec.num_actions) == (0.1, 6)
    assert departed.emulation.noop_max == 0
    departed.close()


def test_a_description_needs_no_game():
    spec = describe("breakout", gray=False, stack=2, frameskip=3, height=20)
    assert spec.observation_shape == (6, 20, 84)
    assert (spec.frame_channels, spec.stack, spec.frameskip) == (3, 2, 3)
    assert spec.action_meanings == ("NOOP", "FIRE", "RIGHT", "LEFT")
    assert describe("CartPole-v1", height=None, crop=(160, 320, 0, 600), num_workers=4).observation_shape == (
        4,
        160,
        84,
    )


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("pongg", {}, "did you mean 'pong'"),
        ("ALE/Breakot-v5", {}, "did you mean 'breakout'"),
        ("CartPole-v0x", {}, "expected an Atari game, a Gymnasium id"),
        ("pong", {"protocol": "atari"}, r"expected a protocol of \['machado', 'nature'\], got 'atari'"),
        ("pong", {"num_workers": 2}, "expected settings of AtariEnv for pong, got num_workers"),
        ("CartPole-v1", {"sticky": 0.25}, "expected settings of RenderedEnv for CartPole-v1, got sticky"),
        ("CartPole-v1", {"protocol": "nature"}, "got protocol"),
        ("pong", {"frame_skip": 2}, "did you mean frameskip"),
    ],
)
def test_what_has_no_meaning_is_refused(name, settings, message):
    with pytest.raises(ConfigError, match=message):
        make(name, 1, **settings)
