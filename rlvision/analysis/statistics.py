"""Statistics of an agent's scores over several games and seeds, with bootstrap intervals.

Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice". Scores are a sequence of
games; a game is an array [..., S] of its S runs, one a seed. The axes before the last are kept, so that a statistic
of a whole curve [K, S], or of R resamples [R, S], is the same function.

Example:
    >>> float(iqm([np.array([0.0, 1.0]), np.array([2.0, 9.0])]))
    1.5
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
Scores = Sequence[Series]
Statistic = Callable[[Scores], Series]

RESAMPLES = 2_000
MIN_RUNS = 2
"""Runs of a game below which resampling them says nothing."""


def mean(scores: Scores) -> Series:
    """The mean over the games of the mean over the runs, [...]."""
    return np.asarray(np.mean(_means(scores), axis=0))


def median(scores: Scores) -> Series:
    """The median over the games of the mean over the runs, [...]."""
    return np.asarray(np.median(_means(scores), axis=0))


def median_run(scores: Scores) -> Series:
    """The median of all runs of all games together, [...]."""
    return np.asarray(np.median(_pooled(scores), axis=-1))


def iqm(scores: Scores) -> Series:
    """The interquartile mean of all runs of all games together, [...].

    Of n scores, the lowest and the highest ⌊n / 4⌋ are left out: ``scipy.stats.trim_mean(scores, 0.25)``.
    """
    pooled = np.sort(_pooled(scores), axis=-1)  # [..., n]
    cut = pooled.shape[-1] // 4
    return np.asarray(pooled[..., cut : pooled.shape[-1] - cut].mean(axis=-1))


def optimality_gap(scores: Scores, target: float = 1.0) -> Series:
    """The mean over all runs of ``max(target - score, 0)``, [...]: what is missing to the target; less is better."""
    return np.asarray(np.maximum(target - _pooled(scores), 0.0).mean(axis=-1))


def performance_profile(scores: Scores, thresholds: Series) -> Series:
    """The share of all runs that score more than each of K thresholds, [..., K]."""
    return np.asarray((_pooled(scores)[..., None, :] > thresholds[:, None]).mean(axis=-1))


def interval(scores: Scores, statistic: Statistic, *, resamples: int = RESAMPLES) -> tuple[Series, Series] | None:
    """The 95 % interval of a statistic by the stratified bootstrap, always with the same draws.

    The runs of every game are resampled with replacement, game by game; the ends are percentiles 2.5 and 97.5.

    Args:
        scores: games of runs, [..., S] each.
        statistic: one of this module.
        resamples: how often they are drawn.

    Returns:
        The lower and the upper end, each as the statistic's value; None where a game has a single run.
    """
    if min(game.shape[-1] for game in _checked(scores)) < MIN_RUNS:
        return None
    low, high = np.percentile(statistic(_resampled(scores, resamples)), [2.5, 97.5], axis=0)
    return np.asarray(low), np.asarray(high)


def _resampled(scores: Scores, resamples: int) -> Scores:
    """Games of drawn runs, [R, ..., S] each."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(game.shape[-1], size=(resamples, game.shape[-1])) for game in scores]
    return [np.moveaxis(game[..., drawn], -2, 0) for game, drawn in zip(scores, draws, strict=True)]


def _means(scores: Scores) -> list[Series]:
    return [game.mean(axis=-1) for game in _checked(scores)]


def _pooled(scores: Scores) -> Series:
    """All runs of all games, [..., n]."""
    return np.concatenate(_checked(scores), axis=-1)


def _checked(scores: Scores) -> Scores:
    shapes = [game.shape for game in scores]
    if not shapes or any(not shape or not shape[-1] or shape[:-1] != shapes[0][:-1] for shape in shapes):
        raise ValueError(f"expected games of scores [..., S] with S > 0 and equal other axes, got shapes {shapes}")
    return scores
