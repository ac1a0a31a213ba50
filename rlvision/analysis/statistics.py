"""Statistics of an agent's scores over several games and seeds, with bootstrap intervals.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice". Scores are a
sequence of games; a game is an array [..., S] of S runs, one per seed. All axes but the last are kept, so one function
serves a single score [S], a curve [K, S] and R resamples [R, S].

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
"""Smallest number of runs of a game for which resampling is meaningful."""


def mean(scores: Scores) -> Series:
    """Return the mean over the games of the mean over the runs, [...]."""
    return np.asarray(np.mean(_means(scores), axis=0))


def median(scores: Scores) -> Series:
    """Return the median over the games of the mean over the runs, [...]."""
    return np.asarray(np.median(_means(scores), axis=0))


def median_run(scores: Scores) -> Series:
    """Return the median of all runs of all games together, [...]."""
    return np.asarray(np.median(_pooled(scores), axis=-1))


def iqm(scores: Scores) -> Series:
    """Return the interquartile mean of all runs of all games together, [...].

    Of n scores, the lowest and the highest ⌊n / 4⌋ are left out: ``scipy.stats.trim_mean(scores, 0.25)``.
    """
    pooled = np.sort(_pooled(scores), axis=-1)  # [..., n]
    cut = pooled.shape[-1] // 4
    return np.asarray(pooled[..., cut : pooled.shape[-1] - cut].mean(axis=-1))


def optimality_gap(scores: Scores, target: float = 1.0) -> Series:
    """Return the mean over all runs of ``max(target - score, 0)``, [...]; less is better."""
    return np.asarray(np.maximum(target - _pooled(scores), 0.0).mean(axis=-1))


def performance_profile(scores: Scores, thresholds: Series) -> Series:
    """Return the share of all runs that score more than each of K thresholds, [..., K]."""
    return np.asarray((_pooled(scores)[..., None, :] > thresholds[:, None]).mean(axis=-1))


def interval(scores: Scores, statistic: Statistic, *, resamples: int = RESAMPLES) -> tuple[Series, Series] | None:
    """Return the 95 % interval of a statistic by the stratified bootstrap, with fixed draws.

    The runs of every game are resampled with replacement, game by game. The ends are the percentiles 2.5 and 97.5.

    Args:
        scores: games of runs, [..., S] each.
        statistic: a function of this module.
        resamples: number of resamples.

    Returns:
        The lower and the upper end, each shaped like the statistic; None if a game has a single run.
    """
    if min(game.shape[-1] for game in _checked(scores)) < MIN_RUNS:
        return None
    low, high = np.percentile(statistic(_resampled(scores, resamples)), [2.5, 97.5], axis=0)
    return np.asarray(low), np.asarray(high)


def _resampled(scores: Scores, resamples: int) -> Scores:
    """Return R resamples of each game's runs, [R, ..., S]."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(game.shape[-1], size=(resamples, game.shape[-1])) for game in scores]
    return [np.moveaxis(game[..., drawn], -2, 0) for game, drawn in zip(scores, draws, strict=True)]


def _means(scores: Scores) -> list[Series]:
    return [game.mean(axis=-1) for game in _checked(scores)]


def _pooled(scores: Scores) -> Series:
    """Return all runs of all games in one array, [..., n]."""
    return np.concatenate(_checked(scores), axis=-1)


def _checked(scores: Scores) -> Scores:
    shapes = [game.shape for game in scores]
    if not shapes or any(not shape or not shape[-1] or shape[:-1] != shapes[0][:-1] for shape in shapes):
        raise ValueError(f"expected games of scores [..., S] with S > 0 and equal other axes, got shapes {shapes}")
    return scores
