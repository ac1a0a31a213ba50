"""The names of Atari games, and the two published protocols of playing them."""

import re
from difflib import get_close_matches
from functools import cache
from typing import TypedDict

import ale_py
import gymnasium

from rlvision.core.errors import ConfigError

_GYMNASIUM_NAME = re.compile(r"(?:ALE/)?(?P<game>[A-Za-z0-9]+?)(?:NoFrameskip|Deterministic)?-v[045]")


class AtariProtocol(TypedDict):
    """The settings of `rlvision.envs.atari_env.AtariEnv` that a protocol fixes."""

    sticky: float
    noop_max: int
    fire_on_reset: bool
    life_loss: bool
    full_action_space: bool
    max_episode_frames: int


MACHADO: AtariProtocol = {
    "sticky": 0.25,
    "noop_max": 0,
    "fire_on_reset": False,
    "life_loss": False,
    "full_action_space": True,
    "max_episode_frames": 108_000,
}
"""Machado et al. 2018, "Revisiting the Arcade Learning Environment": sticky actions, whole games, all 18 actions.

The paper's choice of all 18 actions makes exploration harder; ``full_action_space=False`` is a common departure.
"""

NATURE: AtariProtocol = {
    "sticky": 0.0,
    "noop_max": 30,
    "fire_on_reset": True,
    "life_loss": True,
    "full_action_space": False,
    "max_episode_frames": 108_000,
}
"""Mnih et al. 2015, "Human-level control through deep reinforcement learning": up to 30 no-ops, a lost life terminates.

FIRE at the start of a game is the custom of its re-implementations. After a lost life nobody presses it.
"""

ATARI_PROTOCOLS: dict[str, AtariProtocol] = {"machado": MACHADO, "nature": NATURE}


@cache
def rom_ids() -> tuple[str, ...]:
    """The games one player can play, such as ``ms_pacman``."""
    gymnasium.register_envs(ale_py)
    specs = gymnasium.registry.values()
    return tuple(sorted(spec.kwargs["game"] for spec in specs if spec.namespace == "ALE"))


def find_game(name: str) -> str | None:
    """The rom id that a name means, or None where it names no Atari game.

    Args:
        name: ``ms_pacman``, ``ALE/MsPacman-v5``, ``MsPacman-v4`` or ``MsPacmanNoFrameskip-v4``.
    """
    if name in rom_ids():
        return name
    match = _GYMNASIUM_NAME.fullmatch(name)
    by_title = {rom.replace("_", ""): rom for rom in rom_ids()}
    return by_title.get(match["game"].lower()) if match else None


def resolve_game(name: str) -> str:
    """The rom id that a name means.

    Raises:
        ConfigError: if it names no Atari game; the message has the nearest name.
    """
    game = find_game(name)
    if game is None:
        raise ConfigError(f"expected an Atari game such as pong or ALE/Pong-v5, got {name!r}{nearest_game(name)}")
    return game


def nearest_game(name: str) -> str:
    """``: did you mean 'pong'?`` where some game's name is near, else how games are named."""
    match = _GYMNASIUM_NAME.fullmatch(name)
    wanted = re.sub(r"[^a-z0-9]", "", (match["game"] if match else name.removeprefix("ALE/")).lower())
    titles = {rom.replace("_", ""): rom for rom in rom_ids()}
    near = get_close_matches(wanted, titles, n=1)
    return f": did you mean {titles[near[0]]!r}?" if near else ": such as pong, CartPole-v1, or a class of your own"
