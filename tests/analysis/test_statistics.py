"""Statistics by hand, and by slow twins that follow the paper's words."""

import numpy as np
import pytest

from rlvision.analysis import statistics
from rlvision.analysis.statistics import Scores

TWO_GAMES = [np.array([0.0, 0.5, 1.0, 2.5]), np.array([0.2, 0.4, 0.6, 0.8])]
"""Means 1.0 and 0.5; sorted together 0 .2 | .4 .5 .6 .8 | 1 2.5."""
AGGREGATES = [statistics.mean, statistics.median, statistics.median_run, statistics.iqm, statistics.optimality_gap]


def some_scores(*seeds: int) -> Scores:
    rng = np.random.default_rng(0)
    return [rng.normal(0.8, 1.0, size=count) for count in seeds]


def trimmed_mean(values: list[float]) -> float:
    """As scipy.stats.trim_mean(values, 0.25) has it."""
    cut = int(0.25 * len(values))
    kept = sorted(values)[cut : len(values) - cut]
    return sum(kept) / len(kept)


def test_the_statistics_of_two_games_by_hand() -> None:
    assert statistics.mean(TWO_GAMES) == pytest.approx(0.75)
    assert statistics.median(TWO_GAMES) == pytest.approx(0.75)
    assert statistics.median_run(TWO_GAMES) == pytest.approx(0.55)
    assert statistics.iqm(TWO_GAMES) == pytest.approx((0.4 + 0.5 + 0.6 + 0.8) / 4)
    assert statistics.optimality_gap(TWO_GAMES) == pytest.approx((1.0 + 0.5 + 0.8 + 0.6 + 0.4 + 0.2) / 8)
    assert statistics.optimality_gap(TWO_GAMES, target=0.5) == pytest.approx((0.5 + 0.3 + 0.1) / 8)


def test_the_median_over_games_is_of_their_means() -> None:
    assert statistics.median([*TWO_GAMES, np.array([0.0, 9.0])]) == pytest.approx(1.0)  # of 1, 0.5 and 4.5


def test_one_great_game_moves_the_mean_and_not_the_iqm() -> None:
    great = [TWO_GAMES[0] * [1, 1, 1, 400], TWO_GAMES[1]]
    assert statistics.mean(great) > 100
    assert statistics.iqm(great) == statistics.iqm(TWO_GAMES)


@pytest.mark.parametrize("seeds", [(1,), (2,), (3,), (4,), (5, 5), (3, 3, 3), (5, 2, 4), (10,) * 26])
def test_the_iqm_agrees_with_a_trimmed_mean_of_all_runs(seeds: tuple[int, ...]) -> None:
    scores = some_scores(*seeds)
    assert statistics.iqm(scores) == pytest.approx(trimmed_mean([x for game in scores for x in game]), rel=1e-12)


def test_a_performance_profile_by_hand() -> None:
    profile = statistics.performance_profile(TWO_GAMES, np.array([-1.0, 0.0, 0.5, 0.55, 2.5]))
    assert profile.tolist() == [1.0, 7 / 8, 4 / 8, 4 / 8, 0.0]  # a score at the threshold is not above it


@pytest.mark.parametrize("statistic", AGGREGATES)
def test_curves_and_resamples_are_the_same_statistic_row_by_row(statistic) -> None:
    games = [np.random.default_rng(seed).normal(size=(7, count)) for seed, count in enumerate((3, 3, 4))]
    rows = [statistic([game[row] for game in games]) for row in range(7)]
    np.testing.assert_allclose(statistic(games), rows, rtol=1e-12)


def test_resamples_stay_within_their_game() -> None:
    scores = [np.array([0.0, 1.0]), np.array([100.0, 200.0])]
    means = []
    statistics.interval(scores, lambda drawn: means.append([game.mean(-1) for game in drawn]) or drawn[0].mean(-1))
    [(first, second)] = means
    assert set(first) == {0.0, 0.5, 1.0}
    assert set(second) == {100.0, 150.0, 200.0}
    assert abs(np.mean(first == 0.5) - 0.5) < 0.05  # two draws of two differ half the time
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1  # games are drawn apart


@pytest.mark.parametrize("statistic", AGGREGATES)
def test_the_interval_agrees_with_a_slow_bootstrap(statistic) -> None:
    """Other draws, so within the noise of 2,000 resamples."""
    scores, rng = some_scores(5, 6, 4), np.random.default_rng(1)
    slow = [float(statistic([rng.choice(game, len(game)) for game in scores])) for _ in range(1_500)]
    ends = statistics.interval(scores, statistic)
    assert ends is not None
    np.testing.assert_allclose(ends, np.percentile(slow, [2.5, 97.5]), atol=0.12 * np.ptp(slow) / 2)


def test_the_interval_of_a_curve_is_that_of_its_points() -> None:
    curve = np.random.default_rng(2).normal(size=(4, 6))  # [K, S]
    low, high = statistics.interval([curve], statistics.iqm) or pytest.fail("expected an interval")
    points = [statistics.interval([point], statistics.iqm) for point in curve]
    np.testing.assert_allclose(np.array([low, high]).T, points, rtol=1e-12)


def test_the_interval_covers_the_truth_as_often_as_a_bootstrap_of_few_seeds_does() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(150):
        scores = [rng.normal(game, 1.0, size=10) for game in range(6)]
        low, high = statistics.interval(scores, statistics.mean, resamples=300) or pytest.fail("expected an interval")
        hits += bool(low <= 2.5 <= high)
    assert 0.86 <= hits / 150 <= 0.98


def test_a_single_run_of_a_game_has_no_interval() -> None:
    assert statistics.interval([np.array([1.0, 2.0]), np.array([1.0])], statistics.mean) is None


@pytest.mark.parametrize(
    "scores", [[], [np.array([])], [np.array([1.0]), np.array(2.0)], [np.ones((2, 3)), np.ones(3)]]
)
def test_what_is_no_set_of_games_is_refused(scores: Scores) -> None:
    with pytest.raises(ValueError, match=r"^expected games of scores \[..., S\]"):
        statistics.iqm(scores)
