"""The weights that play, and how they follow a run in training."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rlvision.core.errors import CheckpointError
from rlvision.core.types import FloatArray, UInt8Array
from rlvision.nn.qnetwork import QNetwork

PERIOD = 2.0
"""Seconds between two looks for newer weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Brain:
    """One checkpoint's network."""

    network: QNetwork
    q_values: Callable[[UInt8Array], FloatArray]  # observations [N, C, H, W] -> [N, A]
    env_steps: int  # of training
    source: str  # the checkpoint's name


class Follower:
    """Plays with the newest weights there are.

    Args:
        load: newer weights than it gave before, or None where there are none.
        changed: notified when something has changed.
    """

    def __init__(self, load: Callable[[], Brain | None], changed: threading.Condition) -> None:
        self._load = load
        self._changed = changed
        self.brain: Brain | None = None
        self.notice: str | None = None  # why the newest weights could not be loaded

    def q_values(self, observation: UInt8Array) -> FloatArray:
        """Q-values [N, A] of observations [N, C, H, W], by the weights of now."""
        if self.brain is None:
            raise CheckpointError("expected weights before the first decision, got none: wait for a checkpoint")
        return self.brain.q_values(observation)

    def q_function(self, observation: UInt8Array) -> Tensor:
        """The same as a tensor."""
        return torch.from_numpy(self.q_values(observation))

    def look(self) -> None:
        """Take newer weights, if there are any; where they cannot be loaded, keep the old ones and say why."""
        try:
            newer, notice = self._load(), None
        except Exception as error:  # damaged, of another release, no memory left: the next may be loaded again
            newer, notice = None, str(error)
        if newer is None and notice is None:
            return
        with self._changed:
            self.brain, self.notice = newer or self.brain, notice
            self._changed.notify_all()

    def follow(self, stop: threading.Event, period: float = PERIOD) -> None:
        """Look again and again until somebody stops it."""
        while not stop.wait(period):
            self.look()
