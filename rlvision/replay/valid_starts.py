"""The rows of a ring buffer that may start a transition."""

import numpy as np

from rlvision.core.types import BoolArray, IntArray

BYTES_PER_CELL = 17
"""Bytes of host memory that `ValidStarts` needs for one row of one environment."""


class ValidStarts:
    """The rows from which a transition can be read now, tracked on the host.

    Row i of an environment is a valid start when

    * row i + 1 is stored and not ``first`` (else the successor of row i is unknown: a *dead* row);
    * row i + n is stored, so that the window is complete, even if the game ended within it;
    * its stack is stored: row i - stack + 1, or a ``first`` row after that one.

    These bounds only grow, so the starts of an environment are one contiguous part of the queue of
    its live rows. A uniform draw is a position in the concatenation of these parts: exact, without
    rejection, without access to the device::

        rows stored        2  3  4  5  6  7  8  9     first: row 5; stack 3, n 2
        live rows          2  3  .  5  6  7  8        4 is dead, 9 not known yet
        starts                      5  6  7           2 and 3 lack frames, 8 lacks row 10

    Args:
        length: T, rows of the ring.
        num_envs: N.
        stack: frames of an observation.
        n_step: n.
    """

    def __init__(self, length: int, num_envs: int, stack: int, n_step: int) -> None:
        self._length = length
        self._num_envs = num_envs
        self._stack = stack
        self._n_step = n_step
        self._first = np.empty((length, num_envs), dtype=np.bool_)
        self._lives_before = np.empty((length, num_envs), dtype=np.int64)  # live rows before this row
        self._queue = np.empty((length, num_envs), dtype=np.int64)  # the k-th live row, at k % T
        self.restart(0)

    @property
    def count(self) -> int:
        """Number of valid starts, over all environments."""
        return int(self._ends[-1])

    @property
    def nbytes(self) -> int:
        """Bytes of the bookkeeping."""
        return self._first.nbytes + self._lives_before.nbytes + self._queue.nbytes

    def restart(self, row: int) -> None:
        """Reset; ``row`` is the number of the next row, and all T rows from it follow if it is not 0."""
        self._rows = row
        self._lives = np.zeros(self._num_envs, dtype=np.int64)  # [N] live rows so far
        self._low = np.full(self._num_envs, row)  # [N] the oldest row whose stack is stored
        self._ends = np.zeros(self._num_envs, dtype=np.int64)  # [N] position at which each env's starts end
        self._shift = np.zeros(self._num_envs, dtype=np.int64)  # [N] from position to place in the queue

    def set_n_step(self, n_step: int) -> None:
        """Change n, the length of a complete window."""
        self._n_step = n_step
        if self._rows:
            self._bound()

    def extend(self, first: BoolArray) -> None:
        """Add the next R rows by their ``first`` flags [R, N], 1 <= R <= T."""
        rows = self._rows + np.arange(len(first))  # [R]
        live = ~first & (rows > 0)[:, None]  # [R, N] may row - 1 start a transition?
        lives = self._lives + live.cumsum(axis=0)  # [R, N]
        r, env = live.nonzero()
        self._queue[(lives[r, env] - 1) % self._length, env] = rows[r] - 1
        self._lives_before[rows % self._length] = lives
        self._first[rows % self._length] = first
        self._lives = lives[-1]
        self._rows += len(first)
        self._bound()

    def at(self, position: IntArray) -> IntArray:
        """Return the starts [B], as row * N + environment, at positions [B] in 0 … count - 1."""
        env = np.searchsorted(self._ends, position, side="right")  # [B]
        row: IntArray = self._queue[(position + self._shift[env]) % self._length, env]  # [B]
        return row * self._num_envs + env

    def are_valid(self, rows: IntArray) -> BoolArray:
        """Return whether rows [R], all of them added before, are valid starts, [R, N]."""
        here = (rows[:, None] >= self._low) & (rows < self._rows - self._n_step)[:, None]  # [R, N]
        return here & ~self._first[(rows + 1) % self._length]

    def _bound(self) -> None:
        """Recompute the range of starts of each environment."""
        oldest = max(0, self._rows - self._length)
        edge = np.arange(oldest, min(oldest + self._stack - 1, self._rows))
        has_stack = np.logical_or.accumulate(self._first[edge % self._length], axis=0)  # [<stack, N]
        self._low = oldest + (~has_stack).sum(axis=0)  # [N]
        head = self._lives_before[np.minimum(self._low, self._rows - 1) % self._length, range(self._num_envs)]
        tail = self._lives_before[max(oldest, self._rows - self._n_step) % self._length]
        self._ends = np.maximum(tail - head, 0).cumsum()
        self._shift = tail - self._ends
