"""Numbers that change over a run, and things that happen every so often."""

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int], float]
"""A number as a function of a counter (env steps or updates)."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always ``value``."""

    value: float

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.value


@dataclass(frozen=True, slots=True)
class Linear:
    """From ``start`` to ``end`` in a straight line over ``duration``, then ``end``."""

    start: float
    end: float
    duration: int

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.end + (self.start - self.end) * (1.0 - _fraction(count, self.duration))


@dataclass(frozen=True, slots=True)
class Cosine:
    """From ``start`` to ``end`` along half a cosine over ``duration``, then ``end`` (Loshchilov and Hutter 2017)."""

    start: float
    end: float
    duration: int

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * _fraction(count, self.duration)))


@dataclass(frozen=True, slots=True)
class Then:
    """One schedule for the first ``switch`` counts, then another, which counts from there."""

    first: Schedule
    switch: int
    second: Schedule

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.first(count) if count < self.switch else self.second(count - self.switch)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Another schedule, scaled by a factor that rises from 1/duration to 1 over the first ``duration`` counts."""

    schedule: Schedule
    duration: int

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.schedule(count) * min((count + 1) / max(self.duration, 1), 1.0)


def _fraction(count: int, duration: int) -> float:
    return min(max(count / duration, 0.0), 1.0) if duration > 0 else 1.0


class Every:
    """True once each time a counter that grows in strides passes a multiple of ``period``; never for period 0.

    ::

        period 10, strides of 4   count   4   8  12  16  20
                                  due     -   -  yes  -  yes
    """

    def __init__(self, period: int, start: int = 0) -> None:
        self.period = period
        self._passed = start // period if period else 0

    def due(self, count: int) -> bool:
        """Whether a multiple of the period was reached since the last call."""
        if not self.period or count // self.period == self._passed:
            return False
        self._passed = count // self.period
        return True
