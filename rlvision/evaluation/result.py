"""The result of an evaluation: its games and statistics of their raw scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rlvision.core.types import Episode

_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The games of one evaluation."""

    episodes: tuple[Episode, ...]
    cut: Mapping[int, str] = field(default_factory=dict)
    """Index in ``episodes`` -> the reason why that game was cut."""

    @property
    def scores(self) -> list[float]:
        """Raw scores, in the order of the games."""
        return [episode.score for episode in self.episodes]

    @property
    def mean(self) -> float:
        """Mean score."""
        return float(np.mean(self.scores))

    @property
    def median(self) -> float:
        """Median score."""
        return float(np.median(self.scores))

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean: standard deviation (n - 1) over the square root of n; None for a single game."""
        games = len(self.episodes)
        return float(np.std(self.scores, ddof=1) / np.sqrt(games)) if games > 1 else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the mean: percentiles of 10,000 resamples with fixed draws (Efron 1979)."""
        scores = np.asarray(self.scores)
        draws = np.random.default_rng(0).integers(len(scores), size=(_RESAMPLES, len(scores)))
        low, high = np.percentile(scores[draws].mean(axis=1), [2.5, 97.5])
        return float(low), float(high)

    def __repr__(self) -> str:
        """Return the number of games, their mean score and its interval."""
        if not self.episodes:
            return "Evaluation(no games)"
        low, high = self.interval
        games = f"{len(self.episodes)} game{'s' if len(self.episodes) > 1 else ''}"
        return f"Evaluation({games}, mean {self.mean:,.2f}, 95 % interval {low:,.2f} to {high:,.2f})"

    def metrics(self) -> dict[str, float]:
        """Return a row for the tracker."""
        low, high = self.interval
        return {
            "evaluate/mean": self.mean,
            "evaluate/median": self.median,
            "evaluate/ci_low": low,
            "evaluate/ci_high": high,
            "evaluate/games": float(len(self.episodes)),
        }
