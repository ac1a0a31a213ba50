"""Metrics between two log rows: means of the updates, rates and hours."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from rlvision.core.types import State


class Meter:
    """Means of metrics since they were last read; tensors stay on their device until then."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, metrics: Mapping[str, Tensor | float]) -> None:
        """Add the metrics of one update."""
        self._count += 1
        for name, value in metrics.items():
            term = torch.as_tensor(value, dtype=torch.float32)
            self._sums[name] = self._sums[name] + term if name in self._sums else term

    def means(self) -> dict[str, float]:
        """Return the means and reset them."""
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means

    def state_dict(self) -> State:
        """Return the sums so far."""
        return {"sums": {name: total.cpu() for name, total in self._sums.items()}, "count": self._count}

    def load_state_dict(self, state: State) -> None:
        """Restore saved sums."""
        self._sums, self._count = dict(state["sums"]), state["count"]


class Clock:
    """Rates since they were last read, without evaluation and saving, and the hours of the run."""

    def __init__(self) -> None:
        self.hours_before = 0.0
        self._began = self._read_at = time.monotonic()
        self._counts = (0, 0)

    @property
    def hours(self) -> float:
        """Return the hours that the run has been active, over all its sessions."""
        return self.hours_before + (time.monotonic() - self._began) / 3600

    def start(self, env_steps: int, updates: int) -> None:
        """Start the clock at these counters."""
        self._began = self._read_at = time.monotonic()
        self._counts = (env_steps, updates)

    def rates(self, env_steps: int, updates: int) -> dict[str, float]:
        """Return env steps and updates per second since the last call, and the hours."""
        now = time.monotonic()
        seconds = max(now - self._read_at, 1e-9)
        rates = {
            "time/env_steps_per_second": (env_steps - self._counts[0]) / seconds,
            "time/updates_per_second": (updates - self._counts[1]) / seconds,
            "time/hours": self.hours,
        }
        self._read_at, self._counts = now, (env_steps, updates)
        return rates

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time of the block out of the rates."""
        before = time.monotonic()
        yield
        self._read_at += time.monotonic() - before
