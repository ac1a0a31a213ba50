"""The ring buffer of experience, which stores every frame once, on one device."""

import math

import numpy as np
import torch
from torch import Tensor

from rlvision.core.action_masks import mask_in
from rlvision.core.errors import EnvError
from rlvision.core.memory import to_device
from rlvision.core.types import BoolArray, EnvStep, IntArray, UInt8Array
from rlvision.replay.frame_store import Compression, frame_store_bytes, make_frames

_BYTES_PER_CELL = 8 + 4 + 3
"""Bytes of action, reward and flags."""

Fields = tuple[Tensor, ...]
"""K cells: action [K] int64, reward [K] float32, flags and mask [K, 3 + A] bool, frames [K, c * H * W] uint8."""


class RingBuffer:
    """The last T rows of N environments.

    Row i (counted from the first ever added) lies in slot ``i % T``::

        rows added   slots (T = 4)
        3            0 1 2 ~
        4            0 1 2 3
        6            4 5 2 3      oldest row 2, newest row 5

    Every field is flat, ``[T * N, …]``, so the cell of row i and environment e is
    ``(i * N + e) % (T * N)``. A blank frame of zeros follows the last cell: it fills the columns of
    a stack from before the game began. Memory is touched only when rows arrive.

    Args:
        length: T, rows.
        num_envs: N.
        frame_shape: (c, H, W) of one frame.
        device: device of all fields.
        compression: compression of the frames, on the CPU only, or ``none``.
        mask_size: A in a world with action masks, which follow the flags; else 0.

    Raises:
        ConfigError: Frames would be compressed on a GPU.
    """

    def __init__(
        self,
        length: int,
        num_envs: int,
        frame_shape: tuple[int, int, int],
        device: torch.device,
        compression: Compression = "none",
        mask_size: int = 0,
    ) -> None:
        self.length, self.num_envs = length, num_envs
        self.frame_shape = frame_shape
        self.device, self.mask_size = device, mask_size
        self.cells = self.blank = length * num_envs
        self.rows = 0
        self.frames = make_frames(self.cells, math.prod(frame_shape), device, compression)
        self.action = torch.empty(self.cells, dtype=torch.int64, device=device)
        self.reward = torch.empty(self.cells, dtype=torch.float32, device=device)
        self.flags = torch.zeros(self.cells, 3 + mask_size, dtype=torch.bool, device=device)  # ends, first, mask

    @property
    def oldest(self) -> int:
        """The oldest row that is not overwritten yet."""
        return max(0, self.rows - self.length)

    @property
    def row_bytes(self) -> int:
        """Bytes of the fields of one row, uncompressed."""
        return self.num_envs * (math.prod(self.frame_shape) + _BYTES_PER_CELL + self.mask_size)

    @property
    def nbytes(self) -> int:
        """Bytes of all fields."""
        return self.frames.nbytes + self.action.nbytes + self.reward.nbytes + self.flags.nbytes

    def append(self, step: EnvStep) -> None:
        """Add a row; only the newest frame of each stack is stored.

        Raises:
            EnvError: The observation is not N stacks of uint8 frames of this shape.
        """
        newest = self._newest_frames(step.observation)  # [N, c * H * W]
        flags = np.stack((step.terminated, step.truncated, step.first), axis=1)  # [N, 3]
        if self.mask_size:
            flags = np.concatenate((flags, mask_in(step, self.mask_size)), axis=1)  # [N, 3 + A]
        fields = (step.action, step.reward, flags, newest)
        self.write(self.rows, tuple(torch.from_numpy(np.array(field)) for field in fields))
        self.rows += 1

    def write(self, row: int, fields: Fields) -> None:
        """Write rows into the slots from that of ``row`` on; they must not reach past the last slot."""
        cell = row % self.length * self.num_envs
        *others, frames = (to_device(field, self.device) for field in fields)
        for kept, field in zip((self.action, self.reward, self.flags), others, strict=True):
            kept[cell : cell + len(field)].copy_(field)
        self.frames.write(cell, frames)

    def read(self, row: int, count: int) -> Fields:
        """Copy ``count`` rows from ``row`` on to the host; they must not reach past the last slot."""
        cell = row % self.length * self.num_envs
        cells = torch.arange(cell, cell + count * self.num_envs, device=self.device)
        fields = (self.action[cells], self.reward[cells], self.flags[cells], self.frames.read(cells))
        return tuple(field.cpu() for field in fields)

    def split_fields(self, content: bytearray) -> Fields:
        """Return the fields whose bytes ``content`` holds one after the other, not copied."""
        cells = len(content) // self.row_bytes * self.num_envs
        fields, at = [], 0
        pixels = torch.empty(0, math.prod(self.frame_shape), dtype=torch.uint8)
        for like in (self.action, self.reward, self.flags, pixels):
            field = torch.frombuffer(content, dtype=like.dtype, count=cells * math.prod(like.shape[1:]), offset=at)
            fields.append(field.view(cells, *like.shape[1:]))
            at += field.nbytes
        return tuple(fields)

    def first(self, rows: IntArray) -> BoolArray:
        """Return the ``first`` flags [R, N] of rows [R], on the host."""
        slots = torch.from_numpy(rows % self.length).to(self.device)
        first: BoolArray = self.flags.view(self.length, self.num_envs, -1)[slots, :, 2].cpu().numpy()
        return first

    def _newest_frames(self, observation: UInt8Array) -> UInt8Array:
        channels, height, width = self.frame_shape
        num_envs, stacked, *size = observation.shape
        fits = num_envs == self.num_envs and stacked % channels == 0 and size == [height, width]
        if not fits or observation.dtype != np.uint8:
            raise EnvError(
                f"the replay expected uint8 observations [{self.num_envs}, k * {channels}, {height}, {width}], "
                f"got {observation.dtype} {list(observation.shape)}: "
                "build it with the num_envs and the frame shape of the environment"
            )
        return observation[:, -channels:].reshape(num_envs, -1)


def ring_buffer_bytes(cells: int, frame_bytes: int, compression: Compression, mask_size: int = 0) -> int:
    """Return the bytes of a full `RingBuffer`, without allocating it."""
    return frame_store_bytes(cells, frame_bytes, compression) + cells * (_BYTES_PER_CELL + mask_size)
