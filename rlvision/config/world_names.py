"""Names of worlds: which names mean one, and whether it is an Atari game.

============================  =============================================
name                          meaning
============================  =============================================
ms_pacman                     an Atari game, by its rom id
ALE/MsPacman-v5, Pong-v4      an Atari game, if ale-py has it
MiniGrid-Empty-5x5-v0         another id of Gymnasium
mine:World, mine:World-v0     a class or an id of the user's module ``mine``
============================  =============================================
"""

import re

_AS_IN_ALE = re.compile(r"-v[045]$")
"""Ends of the ids that ale-py registers."""
_ROM_ID = re.compile(r"[a-z0-9_]+")
_VERSIONED = re.compile(r"-v\d+$")


def is_atari_name(name: str) -> bool:
    """Return whether a name means an Atari game; `rlvision.envs.factory.is_atari` is the last word when it is made.

    Only names that could be either import ale-py and Gymnasium, so that help screens appear at once.
    """
    if not _AS_IN_ALE.search(name) or ":" in name:
        return _ROM_ID.fullmatch(name) is not None
    from rlvision.envs.atari_games import find_game

    return find_game(name) is not None


def is_same_game(one: str, other: str) -> bool:
    """Return whether two names mean one world, such as ``pong`` and ``ALE/Pong-v5``."""
    if one == other or not (is_atari_name(one) and is_atari_name(other)):
        return one == other
    from rlvision.envs.atari_games import find_game

    return find_game(one) == find_game(other)


def is_world_name(name: str) -> bool:
    """Return whether a name that is neither a preset nor a file may be that of a world."""
    if ":" in name or _VERSIONED.search(name):
        return True
    from rlvision.envs.atari_games import find_game

    return find_game(name) is not None
