"""Published agents beside whom ours are seen, each with its protocol and its frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlvision.facts import atari

USUAL = ("dqn", "rainbow", "dopamine_dqn_10m", "dopamine_rainbow_10m", "pqn", "bbf_100k")
"""The tables that are shown unless others are asked for."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published agent, or an end of the human-normalised scale."""

    key: str
    agent: str
    protocol: str
    frames: int | None  # of its training; None of who was not trained
    scores: Mapping[str, float]  # mean raw score by rom id


def published_agents(games: Sequence[str], keys: Sequence[str] = USUAL) -> list[Published]:
    """Random play, people, and the published agents with a score of one of the games.

    Args:
        games: rom ids.
        keys: of `rlvision.facts.atari.tables`.

    Raises:
        ConfigError: there is no such table.
    """
    ends = [_end("random", "random play", games), _end("human", "human", games)]
    listed = [*ends, *(_agent(key, games) for key in keys)]
    return [one for one in listed if one.scores]


def _end(key: str, agent: str, games: Sequence[str]) -> Published:
    scales = {game: scale for game in games if (scale := atari.reference(game)) is not None}
    scores = {game: scale.random if key == "random" else scale.human for game, scale in scales.items()}
    return Published(key, agent, f"{0 if key == 'random' else 1} of the human-normalised scale", None, scores)


def _agent(key: str, games: Sequence[str]) -> Published:
    scores, table = atari.published(key), atari.tables()[key]
    known = {game: scores[game] for game in games if game in scores}
    return Published(key, table.agent, table.protocol, table.frames, known)


def millions(frames: int) -> str:
    """A number of frames in a few letters: 1.2B, 200M, 1.4M, 400k, 160."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if frames >= 0.9995 * size:
            return f"{frames / size:.3g}{letter}"
    return str(frames)
