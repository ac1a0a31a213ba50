"""Published scores of the 57 Atari games, by random play, people and well-known agents.

Example:
    >>> human_normalised("pong", 14.6)
    1.0
    >>> table = tables()["rainbow"]
    >>> table.frames, published("rainbow")["pong"]
    (200000000, 20.9)

Scores of different protocols or training lengths are not comparable, so every table states its own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from rlvision.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Reference:
    """The random and the human score of a game, in raw points: 0 and 1 of the human-normalised scale."""

    random: float
    human: float


@dataclass(frozen=True, slots=True)
class Table:
    """One column of published scores."""

    agent: str  # its authors' name for it, with the paper
    protocol: str  # conditions of the evaluation
    frames: int  # emulator frames of its training
    source: str  # of the numbers, with the page


def games() -> tuple[str, ...]:
    """Return the 57 games by rom id, in alphabetical order."""
    return tuple(_data()["games"])


def reference(game: str) -> Reference | None:
    """Return the random and human scores of a game, or None if it is not one of the 57.

    Args:
        game: a rom id such as ``ms_pacman``; `rlvision.envs.atari_games.find_game` knows other names.
    """
    row = _data()["games"].get(game)
    return None if row is None else Reference(row["random"], row["human"])


def reference_source() -> str:
    """Return the source of the random and human scores."""
    return str(_data()["sources"][_data()["reference_source"]])


def human_normalised(game: str, score: float) -> float | None:
    """Return ``(score - random) / (human - random)``: 0 for random play, 1 for a person (Mnih et al. 2015).

    It is None if the game is not one of the 57.
    """
    scale = reference(game)
    return None if scale is None else (score - scale.random) / (scale.human - scale.random)


def tables() -> dict[str, Table]:
    """Return the published agents by key, such as ``rainbow``, ``dopamine_dqn_10m``, ``pqn`` and ``bbf_100k``."""
    data = _data()
    return {key: Table(**{**row, "source": data["sources"][row["source"]]}) for key, row in data["tables"].items()}


def published(key: str) -> dict[str, float]:
    """Return the mean raw score of every game that an agent's table has, by rom id.

    Raises:
        ConfigError: there is no such table.
    """
    data = _data()
    if key not in data["tables"]:
        raise ConfigError(f"expected a table of published scores, got {key!r}: choose from {', '.join(data['tables'])}")
    return {game: row["scores"][key] for game, row in data["games"].items() if key in row["scores"]}


@cache
def _data() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(files("rlvision.evaluation").joinpath("atari57.json").read_text("utf-8"))
    return content


DEFAULT_BASELINES = ("dqn", "rainbow", "dopamine_dqn_10m", "dopamine_rainbow_10m", "pqn", "bbf_100k")
"""Tables that are shown by default."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published agent, random play, or people."""

    key: str
    agent: str
    protocol: str
    frames: int | None  # of its training; None without training
    scores: Mapping[str, float]  # mean raw score by rom id


def published_agents(games: Sequence[str], keys: Sequence[str] = DEFAULT_BASELINES) -> list[Published]:
    """Return random play, people, and the published agents that have a score for one of the games.

    Args:
        games: rom ids.
        keys: of `rlvision.evaluation.atari_scores.tables`.

    Raises:
        ConfigError: there is no such table.
    """
    ends = [_end("random", "random play", games), _end("human", "human", games)]
    listed = [*ends, *(_agent(key, games) for key in keys)]
    return [one for one in listed if one.scores]


def _end(key: str, agent: str, games: Sequence[str]) -> Published:
    scales = {game: scale for game in games if (scale := reference(game)) is not None}
    scores = {game: scale.random if key == "random" else scale.human for game, scale in scales.items()}
    return Published(key, agent, f"{0 if key == 'random' else 1} of the human-normalised scale", None, scores)


def _agent(key: str, games: Sequence[str]) -> Published:
    scores, table = published(key), tables()[key]
    known = {game: scores[game] for game in games if game in scores}
    return Published(key, table.agent, table.protocol, table.frames, known)


def format_frames(frames: int) -> str:
    """Abbreviate a number of frames: 1.2B, 200M, 1.4M, 400k, 160."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if frames >= 0.9995 * size:
            return f"{frames / size:.3g}{letter}"
    return str(frames)
