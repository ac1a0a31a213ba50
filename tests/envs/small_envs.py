"""Environments for tests, with the defaults that suit one: every step is seen, and a lost life ends nothing."""

from typing import Any

from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.factory import is_atari, make
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.settings import EnvSettings
from rlvision.envs.vector_env import ReplayableVectorEnv

COUNTING = "rlvision.envs.counting_env:CountingEnv"
AS_DRAWN = {"height": 32, "width": 32}
"""The size of the counting environment's picture."""


def settings_of(game: str, **changes: Any) -> EnvSettings:
    """The settings of a game with the defaults for tests, and some changes."""
    usual = {"life_loss": False} if is_atari(game) else {"frameskip": 1, "max_pool": False}
    return EnvSettings(game=game, **{**usual, **changes})


def atari(game: str, num_envs: int, **changes: Any) -> AtariEnv:
    """Games of Atari."""
    return AtariEnv(settings_of(game, **changes), num_envs)


def rendered(game: str, num_envs: int, **changes: Any) -> GymnasiumEnv:
    """Environments of Gymnasium."""
    return GymnasiumEnv(settings_of(game, **changes), num_envs)


def made(game: str, num_envs: int, **changes: Any) -> ReplayableVectorEnv:
    """Environments of either kind, as a run makes them."""
    return make(settings_of(game, **changes), num_envs)
