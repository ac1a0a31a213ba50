"""The values of the game so far, as every view of it shows them."""

from collections import deque

import numpy as np

from rlvision.core.types import FloatArray
from rlvision.watch.step import Moment

HISTORY = 240
"""Decisions in the value curve."""


class Course:
    """Remembers the greatest Q-value of each of the last decisions of a game, and how far the Q-values lay apart.

    Args:
        num_actions: A.
    """

    def __init__(self, num_actions: int) -> None:
        self.values: deque[float] = deque(maxlen=HISTORY)
        self.advantages: FloatArray = np.zeros(num_actions, dtype=np.float32)  # [A] distances from the mean Q-value
        self._spreads: deque[float] = deque(maxlen=HISTORY)

    @property
    def spread(self) -> float:
        """The greatest distance of a Q-value from the mean of all, lately: what the bars are measured by."""
        return max(self._spreads, default=0.0) or 1.0

    def add(self, moment: Moment) -> None:
        """Take the next moment; with the first of a game it begins anew."""
        if moment.first:
            self.values.clear()
            self._spreads.clear()
        drawable = np.nan_to_num(moment.q_values, nan=0.0, posinf=0.0, neginf=0.0)  # a network may have diverged
        self.advantages = drawable - drawable.mean()
        self.values.append(float(drawable.max()))
        self._spreads.append(float(np.abs(self.advantages).max()))
