"""Published scores of the 57 Atari games: what random play, people and well-known agents reach.

Example:
    >>> human_normalised("pong", 14.6)
    1.0
    >>> table = tables()["rainbow"]
    >>> table.frames, published("rainbow")["pong"]
    (200000000, 20.9)

Scores of different protocols and lengths of training do not compare; so every table says its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from rlvision.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Reference:
    """The two ends of the human-normalised scale of a game, in raw points."""

    random: float
    human: float


@dataclass(frozen=True, slots=True)
class Table:
    """One column of published scores."""

    agent: str  # as its authors call it, with the paper
    protocol: str  # how it was measured, in words
    frames: int  # emulator frames it was trained for
    source: str  # where the numbers were read, exactly


def games() -> tuple[str, ...]:
    """The 57 games by rom id, in the order of the alphabet."""
    return tuple(_data()["games"])


def reference(game: str) -> Reference | None:
    """Random and human scores of a game, or None where it is not one of the 57.

    Args:
        game: a rom id such as ``ms_pacman``; `rlvision.envs.games.find_game` knows other names.
    """
    row = _data()["games"].get(game)
    return None if row is None else Reference(row["random"], row["human"])


def reference_source() -> str:
    """Where the random and human scores were read."""
    return str(_data()["sources"][_data()["reference_source"]])


def human_normalised(game: str, score: float) -> float | None:
    """``(score - random) / (human - random)``: 0 plays at random, 1 as a person does (Mnih et al. 2015).

    None where the game is not one of the 57.
    """
    scale = reference(game)
    return None if scale is None else (score - scale.random) / (scale.human - scale.random)


def tables() -> dict[str, Table]:
    """The published agents by key, such as ``rainbow``, ``dopamine_dqn_10m``, ``pqn`` and ``bbf_100k``."""
    data = _data()
    return {key: Table(**{**row, "source": data["sources"][row["source"]]}) for key, row in data["tables"].items()}


def published(key: str) -> dict[str, float]:
    """The mean raw score of every game that an agent's table has, by rom id.

    Raises:
        ConfigError: there is no such table.
    """
    data = _data()
    if key not in data["tables"]:
        raise ConfigError(f"expected a table of published scores, got {key!r}: choose from {', '.join(data['tables'])}")
    return {game: row["scores"][key] for game, row in data["games"].items() if key in row["scores"]}


@cache
def _data() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(files("rlvision.facts").joinpath("atari57.json").read_text("utf-8"))
    return content
