"""The rows of experience: every frame once, in a ring of tensors on one device."""

import math

import numpy as np
import torch
from torch import Tensor

from rlvision.errors import EnvError
from rlvision.types import BoolArray, EnvStep, IntArray, UInt8Array


class Ring:
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
        device: where the tensors live; ``meta`` allocates nothing and still knows `nbytes`.
    """

    def __init__(self, length: int, num_envs: int, frame_shape: tuple[int, int, int], device: torch.device) -> None:
        self.length = length
        self.num_envs = num_envs
        self.frame_shape = frame_shape
        self.device = device
        self.cells = self.blank = length * num_envs
        self.rows = 0
        self.frames = torch.empty(self.cells + 1, math.prod(frame_shape), dtype=torch.uint8, device=device)
        self.frames[self.blank] = 0
        self.action = torch.empty(self.cells, dtype=torch.int64, device=device)
        self.reward = torch.empty(self.cells, dtype=torch.float32, device=device)
        self.flags = torch.zeros(self.cells, 3, dtype=torch.bool, device=device)  # terminated, truncated, first
        self.fields = tuple(
            field.view(length, num_envs, *field.shape[1:])  # [T, N, …]
            for field in (self.frames[: self.cells], self.action, self.reward, self.flags)
        )

    @property
    def oldest(self) -> int:
        """The oldest row still here."""
        return max(0, self.rows - self.length)

    @property
    def nbytes(self) -> int:
        """Memory of all tensors, bytes."""
        return sum(tensor.nbytes for tensor in (self.frames, self.action, self.reward, self.flags))

    def write(self, step: EnvStep) -> None:
        """Take the next row; of its stacks only the newest frames.

        Raises:
            EnvError: The observation is not N stacks of uint8 frames of this shape.
        """
        newest = self._newest_frames(step.observation)  # [N, c * H * W]
        flags = np.stack((step.terminated, step.truncated, step.first), axis=1)  # [N, 3]
        slot = self.rows % self.length
        for field, value in zip(self.fields, (newest, step.action, step.reward, flags), strict=True):
            field[slot].copy_(to_device(torch.from_numpy(np.array(value)), self.device))
        self.rows += 1

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


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on ``device``, without waiting for what the device is doing."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
