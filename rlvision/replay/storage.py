"""The rows of experience: every frame once, in a ring on one device."""

import math

import numpy as np
import torch
from torch import Tensor

from rlvision.core.errors import EnvError
from rlvision.core.memory import to_device
from rlvision.core.types import BoolArray, EnvStep, IntArray, UInt8Array
from rlvision.replay.frame_store import Compression, frame_store_bytes, make_frames

_OTHERS: tuple[tuple[tuple[int, ...], torch.dtype], ...] = (((), torch.int64), ((), torch.float32), ((3,), torch.bool))
"""Action, reward and flags of a cell: shape and dtype."""

_BYTES_PER_CELL = 8 + 4 + 3
"""Of action, reward and flags."""

Fields = tuple[Tensor, ...]
"""Of K cells: action [K] int64, reward [K] float32, flags [K, 3] bool, frames [K, c * H * W] uint8."""


class RingBuffer:
    """The last T rows of N environments.

    Row i (counted from the first ever added) lies in slot ``i % T``::

        rows added   slots (T = 4)
        3            0 1 2 ~
        4            0 1 2 3
        6            4 5 2 3      oldest row 2, newest row 5

    Every field is kept flat, ``[T * N, …]``, so that the cell of row i and environment e is
    ``(i * N + e) % (T * N)``. Behind the last cell lies one blank frame of zeros: what a stack
    shows of the time before a game began. Memory is touched only as rows arrive.

    Args:
        length: T, rows.
        num_envs: N.
        frame_shape: (c, H, W) of one frame.
        device: where all of it lies.
        compression: ``none``, or how frames are compressed (on the CPU only).

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
    ) -> None:
        self.length = length
        self.num_envs = num_envs
        self.frame_shape = frame_shape
        self.device = device
        self.cells = self.blank = length * num_envs
        self.rows = 0
        self.frames = make_frames(self.cells, math.prod(frame_shape), device, compression)
        self.action = torch.empty(self.cells, dtype=torch.int64, device=device)
        self.reward = torch.empty(self.cells, dtype=torch.float32, device=device)
        self.flags = torch.zeros(self.cells, 3, dtype=torch.bool, device=device)  # terminated, truncated, first

    @property
    def oldest(self) -> int:
        """The oldest row still here."""
        return max(0, self.rows - self.length)

    @property
    def row_bytes(self) -> int:
        """Bytes of the fields of one row, as they are."""
        return self.num_envs * (math.prod(self.frame_shape) + _BYTES_PER_CELL)

    @property
    def nbytes(self) -> int:
        """Memory of all of it, bytes."""
        return self.frames.nbytes + self.action.nbytes + self.reward.nbytes + self.flags.nbytes

    def append(self, step: EnvStep) -> None:
        """Take the next row; of its stacks only the newest frames.

        Raises:
            EnvError: The observation is not N stacks of uint8 frames of this shape.
        """
        newest = self._newest_frames(step.observation)  # [N, c * H * W]
        flags = np.stack((step.terminated, step.truncated, step.first), axis=1)  # [N, 3]
        fields = (step.action, step.reward, flags, newest)
        self.write(self.rows, tuple(torch.from_numpy(np.array(field)) for field in fields))
        self.rows += 1

    def write(self, row: int, fields: Fields) -> None:
        """Put rows into the slots from that of ``row`` on; they do not reach past the last slot."""
        cell = row % self.length * self.num_envs
        *others, frames = (to_device(field, self.device) for field in fields)
        for kept, field in zip((self.action, self.reward, self.flags), others, strict=True):
            kept[cell : cell + len(field)].copy_(field)
        self.frames.write(cell, frames)

    def read(self, row: int, count: int) -> Fields:
        """A copy of ``count`` rows from ``row`` on, on the host; they do not reach past the last slot."""
        cell = row % self.length * self.num_envs
        cells = torch.arange(cell, cell + count * self.num_envs, device=self.device)
        fields = (self.action[cells], self.reward[cells], self.flags[cells], self.frames.read(cells))
        return tuple(field.cpu() for field in fields)

    def split_fields(self, content: bytearray) -> Fields:
        """The fields of which ``content`` holds the bytes, one after the other; not copied."""
        cells = len(content) // self.row_bytes * self.num_envs
        fields, at = [], 0
        for shape, dtype in (*_OTHERS, ((math.prod(self.frame_shape),), torch.uint8)):
            field = torch.frombuffer(content, dtype=dtype, count=cells * math.prod(shape), offset=at)
            fields.append(field.view(cells, *shape))
            at += field.nbytes
        return tuple(fields)

    def first(self, rows: IntArray) -> BoolArray:
        """The ``first`` flags of rows [R], on the host, [R, N]."""
        slots = torch.from_numpy(rows % self.length).to(self.device)
        first: BoolArray = self.flags.view(self.length, self.num_envs, 3)[slots, :, 2].cpu().numpy()
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


def ring_buffer_bytes(cells: int, frame_bytes: int, compression: Compression) -> int:
    """Memory of a `RingBuffer` that is full, bytes, reckoned without allocating any."""
    return frame_store_bytes(cells, frame_bytes, compression) + cells * _BYTES_PER_CELL
