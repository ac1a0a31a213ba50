"""The weights that play the game, reloaded while a run trains."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rlvision.core.errors import CheckpointError
from rlvision.core.types import FloatArray, UInt8Array
from rlvision.nn.qnetwork import QNetwork

PERIOD = 2.0
"""Seconds between two checks for newer weights."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCheckpoint:
    """The network of one checkpoint."""

    network: QNetwork
    q_values: Callable[[UInt8Array], FloatArray]  # observations [N, C, H, W] -> [N, A]
    env_steps: int  # of training
    source: str  # name of the checkpoint: best or last


class WeightWatcher:
    """A watcher of a run's checkpoints that holds the newest weights.

    Args:
        load: returns weights newer than its last, or None if there are none.
        changed: notified of newer weights, and of those that cannot be loaded.
    """

    def __init__(self, load: Callable[[], LoadedCheckpoint | None], changed: threading.Condition) -> None:
        self._load = load
        self._changed = changed
        self.checkpoint: LoadedCheckpoint | None = None
        self.notice: str | None = None  # why the newest weights could not be loaded

    def q_values(self, observation: UInt8Array) -> FloatArray:
        """Return Q-values [N, A] of observations [N, C, H, W] by the current weights."""
        if self.checkpoint is None:
            raise CheckpointError("expected weights before the first decision, got none: wait for a checkpoint")
        return self.checkpoint.q_values(observation)

    def q_function(self, observation: UInt8Array) -> Tensor:
        """Return the Q-values as a tensor."""
        return torch.from_numpy(self.q_values(observation))

    def poll(self) -> None:
        """Load newer weights, if there are any; if that fails, keep the old ones and set ``notice``."""
        try:
            newer, notice = self._load(), None
        except Exception as error:  # a damaged file, another release, out of memory: the next weights may load
            newer, notice = None, str(error)
        if newer is None and notice is None:
            return
        with self._changed:
            self.checkpoint, self.notice = newer or self.checkpoint, notice
            self._changed.notify_all()

    def run(self, stop: threading.Event, period: float = PERIOD) -> None:
        """Check for newer weights every ``period`` seconds until ``stop`` is set."""
        while not stop.wait(period):
            self.poll()
