"""Names of a world's actions. They are decoration: how many actions there are, the action space alone says.

::

    action_space       get_action_meanings()        names
    Discrete(3)        ["left", "right"]            left, right, 2
    Discrete(3)        {0: "left", 2: "right"}      left, 1, right
    Discrete(2)        18 names of Atari            the first two
    Discrete(3)        raises an error              0, 1, 2
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, EnumType
from itertools import islice
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete

SOURCES = ("get_action_meanings", "action_meanings", "actions")
"""Attributes of an environment that may name its actions, methods or not, the first that there is."""
LONGEST = 40
"""Largest number of characters of a name."""
MOST_LISTED = 5
"""Most actions that a line about them lists."""


def name_actions(env: gymnasium.Env[Any, Any], space: Discrete) -> tuple[tuple[str, ...], str | None]:
    """Return A names, and a line about those that were completed or ignored, if any were."""
    numbers = tuple(str(int(space.start) + action) for action in range(int(space.n)))
    try:
        source, value = _find(env)
        if value is None:
            return numbers, None
        named, total = _by_action(value, space)
    except Exception as error:  # the user's method may raise anything, and its names are only decoration
        return numbers, f"its action names raise {type(error).__name__} ({error}): actions are shown as numbers"
    names = tuple(named.get(action) or number for action, number in enumerate(numbers))
    return names, _note(source, named, total, len(numbers))


def _find(env: gymnasium.Env[Any, Any]) -> tuple[str, Any]:
    """Return the first source of names, from the outermost wrapper inwards, and its value; a value None for none."""
    layer: Any = env
    while layer is not None:
        for source in SOURCES:
            found = getattr(layer, source, None)
            if found is not None and (source != "actions" or isinstance(found, EnumType)):
                return source, found() if callable(found) and not isinstance(found, EnumType) else found
        layer = layer.env if isinstance(layer, gymnasium.Wrapper) else None
    return "", None


def _by_action(value: Any, space: Discrete) -> tuple[dict[int, str], int]:
    """Return the usable names by action, 0 to A - 1, and how many names there were."""
    start, n = int(space.start), int(space.n)
    if isinstance(value, EnumType):
        value = _of_enum(list(value), start, n)
    if isinstance(value, Mapping):
        pairs = _numbered(value)
        first = max((start, 0), key=lambda lowest: sum(lowest <= key < lowest + n for key in pairs))
        named = {key - first: word for key, name in pairs.items() if (word := _word(name))}
        return {action: word for action, word in named.items() if 0 <= action < n}, len(value)
    if isinstance(value, str) or not isinstance(value, Iterable):
        return {}, 1
    words = [_word(name) for name in islice(value, n + MOST_LISTED)]
    return {action: word for action, word in enumerate(words[:n]) if word}, len(words)


def _of_enum(members: list[Enum], start: int, n: int) -> Mapping[int, str] | list[str]:
    """Return the members by their numbers where these are actions, else in their order; an alias is no member."""
    numbers = [int(member.value) if isinstance(member.value, int | np.integer) else -1 for member in members]
    fit = len(set(numbers) & set(range(start, start + n)))
    if fit == n or (fit and len(members) != n):
        return {number: member.name for number, member in zip(numbers, members, strict=True)}
    return [member.name for member in members]


def _numbered(value: Mapping[Any, Any]) -> dict[int, Any]:
    """Return a mapping of actions to names, from one in either direction."""
    if all(isinstance(name, int | np.integer) for name in value.values()):
        value = {number: name for name, number in value.items()}
    keys = {key: key.value if isinstance(key, Enum) else key for key in value}
    return {int(number): value[key] for key, number in keys.items() if isinstance(number, int | np.integer)}


def _word(name: object) -> str:
    """Return a name as one line of text; empty if it is not the same text in every process."""
    if isinstance(name, Enum):
        name = name.name
    if isinstance(name, bytes):
        name = name.decode(errors="replace")
    return " ".join(str(name).split())[:LONGEST] if isinstance(name, str | int | float | np.generic) else ""


def _note(source: str, named: Mapping[int, str], total: int, n: int) -> str | None:
    """Return the line about names that are too few, too many, or no text."""
    if len(named) == n and total <= n:
        return None
    missing = [str(action) for action in range(n) if action not in named][: MOST_LISTED + 1]
    shown = ", ".join(missing[:MOST_LISTED]) + (", ..." if len(missing) > MOST_LISTED else "")
    numbers = f"the others ({shown}, counted from 0) are shown as numbers" if missing else "the rest is ignored"
    return f"{source} has usable names for {len(named)} of {n} actions: {numbers}"
