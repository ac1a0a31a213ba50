"""The memory that a worker process shares with its parent.

::

    bytes    pixels of environment 0 | 1 | ... | n - 1    mask of environment 0 | ... | n - 1
    turn     turns so far, the environment at work

The worker writes, the parent reads. It has no name, so nothing is left over when both are gone.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rlvision.core.types import BoolArray, UInt8Array

IDLE = -1
"""The environment number of a worker that waits for a call."""


class SharedState:
    """The memory that a worker shares with its parent: observations, their masks, and the environment at work.

    Args:
        shape: [n, C, H, W] of the observations.
        mask_size: A in a world with action masks, else 0.
    """

    def __init__(self, shape: tuple[int, int, int, int], mask_size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._shape, self._pixels = shape, int(np.prod(shape))
        self._bytes = context.RawArray("B", self._pixels + shape[0] * mask_size)  # the masks follow the pixels
        self._turn = context.RawArray("q", [0, IDLE])  # turns so far; the environment of the current one

    @property
    def observation(self) -> UInt8Array:
        """The observations [n, C, H, W], not copied: the next step overwrites them."""
        return np.frombuffer(self._bytes, dtype=np.uint8, count=self._pixels).reshape(self._shape)

    @property
    def action_mask(self) -> BoolArray:
        """The masks of these observations, [n, A], not copied."""
        return np.frombuffer(self._bytes, dtype=np.bool_)[self._pixels :].reshape(self._shape[0], -1)

    @property
    def progress(self) -> int:
        """Number of turns so far."""
        return int(self._turn[0])

    @property
    def environment(self) -> int:
        """The environment whose turn it is, or `IDLE`."""
        return int(self._turn[1])

    def take_turn(self, index: int) -> None:
        """Give the turn to an environment, or to none (`IDLE`)."""
        self._turn[1] = index
        self._turn[0] += 1
