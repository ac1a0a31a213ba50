"""From a name to environments."""

import inspect
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypedDict, Unpack

import gymnasium

from rlvision.core.errors import ConfigError
from rlvision.core.types import EnvSpec
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.atari_games import ATARI_PROTOCOLS, find_game, nearest_game
from rlvision.envs.gymnasium_env import RenderedEnv
from rlvision.envs.preprocessing import Crop
from rlvision.envs.vector_env import TapedVectorEnv


class Settings(TypedDict, total=False):
    """All settings by name; what each means stands with `AtariEnv` and `RenderedEnv`, whose defaults hold."""

    height: int | None
    width: int | None
    crop: Crop | None
    stack: int
    gray: bool
    frameskip: int
    maxpool: bool
    # Atari alone
    protocol: str  # of `ATARI_PROTOCOLS`: fixes the next six, unless they are given too
    sticky: float
    noop_max: int
    fire_on_reset: bool
    life_loss: bool
    full_action_space: bool
    max_episode_frames: int
    actions: Sequence[str] | None
    num_threads: int
    reseed_after: int
    # other environments alone
    kwargs: Mapping[str, Any] | None
    max_episode_steps: int | None
    num_workers: int
    step_timeout: float
    max_restarts: int


def is_atari(name: str) -> bool:
    """Does the name mean an Atari game, as ``pong``, ``ALE/Pong-v5`` and ``PongNoFrameskip-v4`` do?"""
    return find_game(name) is not None


def make(name: str, num_envs: int, **settings: Unpack[Settings]) -> TapedVectorEnv:
    """N environments of this name: an Atari game, a registered Gymnasium id, or ``package.module:EnvClass``.

    Raises:
        ConfigError: if the name means nothing, or a setting has no meaning for it.
        EnvError: if the environment cannot be played by a Q-network.
        MissingExtraError: if what it needs is not installed.
    """
    kind: Any = _kind(name)
    given = dict(settings)
    if kind is AtariEnv and "protocol" in given:
        given = {**_protocol(str(given.pop("protocol"))), **given}
    _expect_known(given, kind, name)
    env: TapedVectorEnv = kind(name, num_envs, **given)
    return env


def describe(name: str, **settings: Unpack[Settings]) -> EnvSpec:
    """Shapes and names of one such environment, made and closed again (a fifth of a second).

    Raises:
        ConfigError: as `make` does, and the other errors likewise.
    """
    settings.pop("num_workers", None)
    env = make(name, 1, **settings)
    env.close()
    return env.spec


def _kind(name: str) -> type[AtariEnv] | type[RenderedEnv]:
    if is_atari(name):
        return AtariEnv
    if name.startswith("ALE/") or not (re.search(r"-v\d+$|:", name) or name in gymnasium.registry):
        raise ConfigError(
            f"expected an Atari game, a Gymnasium id or package.module:EnvClass, got {name!r}{nearest_game(name)}"
        )
    return RenderedEnv


def _protocol(name: str) -> dict[str, Any]:
    if name not in ATARI_PROTOCOLS:
        raise ConfigError(f"expected a protocol of {sorted(ATARI_PROTOCOLS)}, got {name!r}")
    return dict(ATARI_PROTOCOLS[name])


def _expect_known(given: Mapping[str, Any], kind: type, name: str) -> None:
    """Refuse settings that the environments of this kind do not have."""
    known = [setting for setting in inspect.signature(kind).parameters if setting not in ("game", "name", "num_envs")]
    for setting in given:
        if setting not in known:
            near = get_close_matches(setting, known, n=1, cutoff=0.8)
            remedy = f"did you mean {near[0]}?" if near else f"leave it out; there are {', '.join(known)}"
            raise ConfigError(f"expected settings of {kind.__name__} for {name}, got {setting}: {remedy}")
