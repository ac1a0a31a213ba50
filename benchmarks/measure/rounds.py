"""Timing of several cases by turns, so that other load on the machine affects all of them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

import torch

Case = Callable[[], float]
"""Runs once, and returns the amount of work in its own unit."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The work of one turn, and its seconds by the clock and of all processors together."""

    amount: float
    seconds: float
    cpu_seconds: float


@dataclass(slots=True)
class Rates:
    """The turns of one case."""

    turns: list[Turn] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Units per second; median over the turns."""
        return median(turn.amount / turn.seconds for turn in self.turns)

    @property
    def seconds(self) -> float:
        """Seconds for one unit; median over the turns."""
        return median(turn.seconds / turn.amount for turn in self.turns)

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds for one unit; median over the turns."""
        return median(turn.cpu_seconds / turn.amount for turn in self.turns)

    def share_of(self, other: "Rates") -> float:
        """Return this rate as a share of another's; median over the rounds, whose turns other load affects alike."""
        pairs = zip(self.turns, other.turns, strict=True)
        return median((own.amount / own.seconds) / (its.amount / its.seconds) for own, its in pairs)


def by_turns(cases: Mapping[str, Case], rounds: int, seconds: float) -> dict[str, Rates]:
    """Run every case ``rounds`` times, each time for at least ``seconds`` and at least once."""
    rates = {name: Rates() for name in cases}
    for case in cases.values():
        case()
    for _ in range(rounds):
        for name, case in cases.items():
            rates[name].turns.append(turn(case, seconds))
    return rates


def turn(case: Case, seconds: float) -> Turn:
    """Run one turn, and wait for all work queued on a GPU."""
    settle()
    amount, began, began_cpu = 0.0, time.perf_counter(), time.process_time()
    while amount == 0.0 or time.perf_counter() - began < seconds:
        amount += case()
    settle()
    return Turn(amount, time.perf_counter() - began, time.process_time() - began_cpu)


def settle() -> None:
    """Wait for the GPU, if one is in use."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
