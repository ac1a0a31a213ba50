"""The description of a trained agent: game, protocol, settings, and its stored score.

This is plain data. `rlvision.analysis.study` reads it from run folders and exports; the modules below need neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvision.core.errors import CheckpointError
from rlvision.tracking.jsonl import read_metrics


@dataclass(frozen=True, slots=True)
class Card:
    """The scores that are stored in an export."""

    scores: tuple[Mapping[str, Any], ...]
    env_steps: int  # decisions of training before them


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run, or an export of one."""

    place: Path  # a folder, or the name of a bundled agent, as the user wrote it
    folder: Path
    card: Card | None  # None for a run, which has metrics instead
    game: str  # rom id, or Gymnasium's
    protocol: str | None  # describes that of its evaluations; None for games other than Atari's
    epsilon: float  # of its evaluations
    seed: int  # of its training
    frameskip: int  # emulator frames per env step
    settings: Mapping[str, Any]  # of its training by dotted name, as far as they are known


@dataclass(frozen=True, slots=True)
class Score:
    """The mean raw score of whole games, with the conditions of its measurement."""

    mean: float
    games: int
    env_steps: int  # decisions of training before it
    protocol: str | None
    epsilon: float


def stored_score(info: RunInfo) -> Score:
    """Return an agent's stored score: a run's last evaluation, or the score on an export's card.

    Raises:
        CheckpointError: it was never evaluated, or its files cannot be read.
    """
    return _last_evaluation(info) if info.card is None else _card_score(info, info.card)


def _last_evaluation(info: RunInfo) -> Score:
    rows = [row for row in read_metrics(info.folder) if "evaluate/mean" in row]
    if not rows:
        raise CheckpointError(
            f"expected an evaluation during the training in {info.folder}, got none: add --games=30 to play now"
        )
    row = rows[-1]
    games, env_steps = int(row["evaluate/games"]), int(row["env_steps"])
    return Score(row["evaluate/mean"], games, env_steps, info.protocol, info.epsilon)


def _card_score(info: RunInfo, card: Card) -> Score:
    """Return the score measured by the protocol of the run's own evaluations, else the first score."""
    if not card.scores:
        raise CheckpointError(f"expected scores on the card of {info.folder}, got none: add --games=30 to play now")
    own = [score for score in card.scores if score.get("protocol") == info.protocol]
    score = (own or card.scores)[0]
    try:
        mean, games, epsilon = float(score["mean"]), int(score["games"]), float(score["epsilon"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"expected mean, games and epsilon in the scores of {info.folder}, got {error}: add --games=30 to play now"
        ) from error
    return Score(mean, games, card.env_steps, score.get("protocol"), epsilon)
