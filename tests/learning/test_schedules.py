"""Schedules and Every, by hand."""

import math

import pytest

from rlvision.learning.schedules import (
    Constant,
    Cosine,
    Every,
    Geometric,
    Linear,
    Then,
    WarmUp,
    gamma_schedule,
    n_step_schedule,
)
from rlvision.learning.settings import QLearningSettings


@pytest.mark.parametrize(
    ("count", "linear", "cosine"),
    [
        (0, 1.0, 1.0),
        (25, 0.775, 0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2),
        (50, 0.55, 0.55),
        (100, 0.1, 0.1),
        (1_000, 0.1, 0.1),
    ],
)
def test_linear_and_cosine(count, linear, cosine):
    assert Linear(1.0, 0.1, 100)(count) == pytest.approx(linear)
    assert Cosine(1.0, 0.1, 100)(count) == pytest.approx(cosine)


def test_no_duration_means_the_end_at_once():
    assert Linear(1.0, 0.1, 0)(0) == 0.1


def test_one_schedule_then_another_that_counts_from_there():
    schedule = Then(Linear(1.0, 0.1, 100), 100, Linear(0.1, 0.0, 50))
    values = [schedule(count) for count in (0, 50, 100, 125, 150, 1_000)]
    assert values == pytest.approx([1.0, 0.55, 0.1, 0.05, 0.0, 0.0])


def test_warm_up_rises_to_the_schedule_and_never_starts_at_zero():
    schedule = WarmUp(Constant(2.0), 4)
    assert [schedule(count) for count in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert WarmUp(Constant(2.0), 0)(0) == 2.0


@pytest.mark.parametrize(
    ("period", "stride", "due_at"), [(10, 4, [12, 20, 32, 40]), (10, 10, [10, 20, 30, 40]), (3, 8, [8, 16, 24, 32, 40])]
)
def test_every_is_due_once_per_multiple_passed(period, stride, due_at):
    every = Every(period)
    assert [count for count in range(stride, 41, stride) if every.due(count)] == due_at


def test_every_that_starts_in_the_middle_goes_on_as_if_it_had_been_there():
    resumed = Every(10, start=20)
    assert [count for count in range(24, 41, 4) if resumed.due(count)] == [32, 40]


def test_every_zero_is_never():
    assert not any(Every(0).due(count) for count in range(100))


def test_geometric_changes_by_the_same_factor():
    schedule = Geometric(16.0, 1.0, 4)
    assert [schedule(count) for count in (-1, 0, 1, 2, 3, 4, 100)] == pytest.approx([16, 16, 8, 4, 2, 1, 1])
    assert Geometric(0.01, 1.0, 2)(1) == pytest.approx(0.1)
    assert Geometric(16.0, 1.0, 0)(0) == 1.0


@pytest.mark.parametrize(
    ("settings", "counts", "n", "remaining"),
    [
        ({}, (0, 50, 100), [3, 3, 3], [0.01, 0.01, 0.01]),
        ({"n_step": 10, "final_n_step": 3}, (0, 50, 100, 200), [10, math.sqrt(30), 3, 3], [0.01] * 4),
        ({"gamma": 0.9, "final_gamma": 0.999}, (0, 50, 100, 200), [3] * 4, [0.1, 0.01, 0.001, 0.001]),
        ({"gamma": 0.99, "final_gamma": 0.9}, (0, 50, 100), [3] * 3, [0.01, math.sqrt(1e-3), 0.1]),
        (
            {"n_step": 4, "final_n_step": 16, "gamma": 0.9, "final_gamma": 0.999, "horizon_env_steps": 20},
            (0, 10, 20, 100),
            [4, 8, 16, 16],
            [0.1, 0.01, 0.001, 0.001],
        ),
    ],
)
def test_the_horizon_moves_over_the_run_or_over_what_is_set(settings, counts, n, remaining):
    """n by a constant factor, γ by one of 1 - γ."""
    n_step, gamma = (make(QLearningSettings(**settings), 100) for make in (n_step_schedule, gamma_schedule))
    assert [n_step(count) for count in counts] == pytest.approx(n)
    assert [1 - gamma(count) for count in counts] == pytest.approx(remaining)
