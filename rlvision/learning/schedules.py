"""Schedules: values that change over a run, and events at regular intervals."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rlvision.core.types import Schedule
from rlvision.learning.settings import ExplorationSettings, OptimiserSettings, QLearningSettings


@dataclass(frozen=True, slots=True)
class Constant:
    """A schedule that is always ``value``."""

    value: float

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.value


@dataclass(frozen=True, slots=True)
class Linear:
    """A schedule from ``start`` to ``end`` in a straight line over ``duration``, then ``end``."""

    start: float
    end: float
    duration: int

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.end + (self.start - self.end) * (1.0 - _fraction(count, self.duration))


@dataclass(frozen=True, slots=True)
class Cosine:
    """A schedule from ``start`` to ``end`` along half a cosine over ``duration`` (Loshchilov and Hutter 2017)."""

    start: float
    end: float
    duration: int

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * _fraction(count, self.duration)))


@dataclass(frozen=True, slots=True)
class Geometric:
    """A schedule from ``start`` to ``end``, both above zero, by a constant factor over ``duration``, then ``end``."""

    start: float
    end: float
    duration: int

    def __call__(self, count: int) -> float:
        """The value after ``count``."""
        return float(self.start * (self.end / self.start) ** _fraction(count, self.duration))


@dataclass(frozen=True, slots=True)
class Then:
    """One schedule for the first ``switch`` counts, then another one, which starts again at 0."""

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
    """A trigger that fires when a counter reaches or passes a multiple of ``period``; never for period 0.

    ::

        period 10, strides of 4   count   4   8  12  16  20
                                  due     -   -  yes  -  yes
    """

    def __init__(self, period: int, start: int = 0) -> None:
        self.period = period
        self._passed = start // period if period else 0

    @property
    def next(self) -> int:
        """The count at which it fires next; the period must not be 0."""
        return (self._passed + 1) * self.period

    def due(self, count: int) -> bool:
        """Return whether the counter has reached a multiple of the period since the last call."""
        if not self.period or count // self.period == self._passed:
            return False
        self._passed = count // self.period
        return True


def exploration_schedule(settings: ExplorationSettings, env_steps: int) -> Schedule:
    """Return epsilon or the temperature as a function of env steps: from start to end, then to final if it is set.

    Args:
        settings: of the exploration.
        env_steps: length of the whole run.
    """
    first = Linear(settings.start, settings.end, settings.decay_env_steps)
    if settings.final is None:
        return first
    rest = (settings.final_env_steps or env_steps) - settings.decay_env_steps
    return Then(first, settings.decay_env_steps, Linear(settings.end, settings.final, rest))


def learning_rate_schedule(settings: OptimiserSettings, updates: int) -> Schedule:
    """Return the learning rate as a function of updates.

    Args:
        settings: of the optimiser.
        updates: number of updates of the whole run.
    """
    start, end = settings.learning_rate, settings.final_learning_rate
    schedules: Mapping[str, Schedule] = {
        "constant": Constant(start),
        "linear": Linear(start, end, updates),
        "cosine": Cosine(start, end, updates),
    }
    return WarmUp(schedules[settings.schedule], settings.warmup_updates)


def n_step_schedule(settings: QLearningSettings, env_steps: int) -> Schedule:
    """Return n as a function of env steps, before rounding (Schwarzer et al. 2023, "Annealing" of BBF).

    Args:
        settings: of the agent.
        env_steps: length of the whole run.
    """
    if settings.final_n_step is None:
        return Constant(settings.n_step)
    return Geometric(settings.n_step, settings.final_n_step, settings.horizon_env_steps or env_steps)


def gamma_schedule(settings: QLearningSettings, env_steps: int) -> Schedule:
    """Return γ as a function of env steps: ``1 - γ`` shrinks by a constant factor (Schwarzer et al. 2023).

    Args:
        settings: of the agent; with ``final_gamma``, both discounts must be below 1.
        env_steps: length of the whole run.
    """
    if settings.final_gamma is None:
        return Constant(settings.gamma)
    remaining = Geometric(1 - settings.gamma, 1 - settings.final_gamma, settings.horizon_env_steps or env_steps)
    return lambda count: 1 - remaining(count)
