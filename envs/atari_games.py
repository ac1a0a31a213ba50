"""Atari games: names, ROMs, and the two published protocols."""

import re
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

import ale_py
import gymnasium
from ale_py import ALEInterface, LoggerMode, roms

from rlvision.core.errors import ConfigError, EnvError
from rlvision.envs.settings import EnvSettings

_GYMNASIUM_NAME = re.compile(r"(?:ALE/)?(?P<game>[A-Za-z0-9]+?)(?:NoFrameskip|Deterministic)?-v[045]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtariProtocol:
    """Values of the settings in `rlvision.envs.settings.EnvSettings` that a protocol fixes."""

    sticky: float
    noop_max: int
    fire_on_reset: bool
    life_loss: bool
    full_action_space: bool
    max_episode_frames: int


MACHADO = AtariProtocol(
    sticky=0.25,
    noop_max=0,
    fire_on_reset=False,
    life_loss=False,
    full_action_space=True,
    max_episode_frames=108_000,
)
"""Machado et al. 2018, "Revisiting the Arcade Learning Environment": sticky actions, whole games, all 18 actions.

The paper's choice of all 18 actions makes exploration harder; ``full_action_space=False`` is a common departure.
"""

NATURE = AtariProtocol(
    sticky=0.0,
    noop_max=30,
    fire_on_reset=True,
    life_loss=True,
    full_action_space=False,
    max_episode_frames=108_000,
)
"""Mnih et al. 2015, "Human-level control through deep reinforcement learning": up to 30 no-ops, a lost life terminates.

Re-implementations press FIRE at the start of a game, but not after a lost life.
"""

ATARI_PROTOCOLS = {"machado": MACHADO, "nature": NATURE}


def find_protocol(name: str) -> AtariProtocol:
    """Return the protocol of this name.

    Raises:
        ConfigError: there is no such protocol.
    """
    if name not in ATARI_PROTOCOLS:
        raise ConfigError(f"expected a protocol of {', '.join(ATARI_PROTOCOLS)}, got {name!r}: choose one of them")
    return ATARI_PROTOCOLS[name]


def resolve_protocol(settings: EnvSettings) -> AtariProtocol:
    """Return the values of the settings, with the protocol's values for those that are unset.

    Raises:
        ConfigError: there is no such protocol.
    """
    protocol = find_protocol(settings.protocol)
    given: dict[str, Any] = {name: getattr(settings, name) for name in asdict(protocol)}
    return replace(protocol, **{name: value for name, value in given.items() if value is not None})


@cache
def rom_ids() -> tuple[str, ...]:
    """Return the rom ids of all games for one player, such as ``ms_pacman``."""
    gymnasium.register_envs(ale_py)
    specs = gymnasium.registry.values()
    return tuple(sorted(spec.kwargs["game"] for spec in specs if spec.namespace == "ALE"))


def find_game(name: str) -> str | None:
    """Return the rom id that a name means, or None if it names no Atari game, or an id that the user has registered.

    Args:
        name: ``ms_pacman``, ``ALE/MsPacman-v5``, ``MsPacman-v4`` or ``MsPacmanNoFrameskip-v4``.
    """
    spec = gymnasium.registry.get(name)
    if spec is not None and spec.entry_point != "ale_py.env:AtariEnv":
        return None
    if name in rom_ids():
        return name
    match = _GYMNASIUM_NAME.fullmatch(name)
    by_title = {rom.replace("_", ""): rom for rom in rom_ids()}
    return by_title.get(match["game"].lower()) if match else None


def resolve_game(name: str) -> str:
    """Return the rom id that a name means.

    Raises:
        ConfigError: it names no Atari game; the message has the nearest name.
    """
    game = find_game(name)
    if game is None:
        raise ConfigError(f"expected an Atari game such as pong or ALE/Pong-v5, got {name!r}{nearest_game(name)}")
    return game


def nearest_game(name: str) -> str:
    """Return the hint ``: did you mean 'pong'?`` with the nearest name, or examples of names if none is near."""
    match = _GYMNASIUM_NAME.fullmatch(name)
    wanted = re.sub(r"[^a-z0-9]", "", (match["game"] if match else name.removeprefix("ALE/")).lower())
    titles = {rom.replace("_", ""): rom for rom in rom_ids()}
    near = get_close_matches(wanted, titles, n=1)
    return f": did you mean {titles[near[0]]!r}?" if near else ": such as pong, CartPole-v1, or a class of your own"


def rom_path(game: str) -> str:
    """Return the path of a game's ROM.

    Raises:
        EnvError: it is missing or damaged.
    """
    try:
        return str(roms.get_rom_path(game))
    except OSError as error:
        raise EnvError(
            f"expected the ROM of {game}, got: {' '.join(str(error).split())}: install ale-py again, or unset "
            "ALE_ROMS_DIR, which takes the ROMs from another folder"
        ) from error


def screen_size(game: str) -> tuple[int, int]:
    """Return height and width of a game's screen: 210x160, with a few exceptions."""
    ALEInterface.setLoggerMode(LoggerMode.Error)
    emulator = ALEInterface()
    emulator.loadROM(rom_path(game))
    height, width = emulator.getScreenDims()
    return height, width
