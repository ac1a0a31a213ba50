"""Schedules and Every, by hand."""

import math

import pytest

from rlvision.learning.schedules import Constant, Cosine, Every, Linear, Then, WarmUp


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
