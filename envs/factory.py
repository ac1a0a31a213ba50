"""Make environments from their settings: the game's name chooses the kind."""

import re
from collections.abc import Sequence
from functools import partial

import gymnasium

from rlvision.core.errors import ConfigError
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.atari_games import find_game, nearest_game
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.settings import ATARI_ONLY, GYMNASIUM_ONLY, EnvSettings
from rlvision.envs.split_env import ReplayableEnv, SplitEnv


def is_atari(name: str) -> bool:
    """Return whether a name means an Atari game, such as ``pong``, ``ALE/Pong-v5`` or ``PongNoFrameskip-v4``."""
    return find_game(name) is not None


def make(settings: EnvSettings, num_envs: int, split: bool = False) -> ReplayableEnv:
    """Make environments of the settings' game: Atari's, a registered Gymnasium id, or ``package.module:EnvClass``.

    Args:
        settings: of each environment; ``settings.num_envs`` is ignored here.
        num_envs: N.
        split: make an even number of Atari games, 4 or more, as a `SplitEnv`; others stay whole, because their steps
            do not overlap with this process or share a number of workers.

    Raises:
        ConfigError: the name is unknown, or the game does not have one of the settings.
        EnvError: the environment cannot be played by a Q-network.
        MissingExtraError: a package that it needs is not installed.
    """
    if is_atari(settings.game):
        _refuse_misplaced(settings, GYMNASIUM_ONLY)
        if split and num_envs >= 4 and num_envs % 2 == 0:
            return SplitEnv(partial(AtariEnv, settings, num_envs // 2))
        return AtariEnv(settings, num_envs)
    _require_gymnasium_name(settings.game)
    _refuse_misplaced(settings, ATARI_ONLY)
    return GymnasiumEnv(settings, num_envs)


def _require_gymnasium_name(name: str) -> None:
    if name.startswith("ALE/") or not (re.search(r"-v\d+$|:", name) or name in gymnasium.registry):
        raise ConfigError(
            f"expected an Atari game, a Gymnasium id or package.module:EnvClass, got {name!r}{nearest_game(name)}"
        )


def _refuse_misplaced(settings: EnvSettings, others: Sequence[str]) -> None:
    """Refuse settings that only the other kind of environment has."""
    usual = EnvSettings()
    for name in others:
        if (value := getattr(settings, name)) != getattr(usual, name):
            raise ConfigError(
                f"expected env.{name} unset for {settings.game}, which has no such setting, got {value!r}: leave it out"
            )
