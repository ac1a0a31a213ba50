"""Stores for the frames of a ring buffer, raw or compressed."""

from typing import Literal, Protocol

import torch
from torch import Tensor

from rlvision.core.errors import ConfigError
from rlvision.core.wording import as_written
from rlvision.replay.compression import BYTES_PER_COMPRESSED_FRAME, CompressedFrames

Compression = Literal["none", "lz4"]

COMPRESSED_FRACTION = 0.3
"""Estimated compressed size of a frame as a fraction of its bytes: all but 3 of 104 Atari games need less."""


class FrameStore(Protocol):
    """Frames [cells, F] uint8, followed by a blank frame of zeros."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""

    def write(self, cell: int, frames: Tensor) -> None:
        """Write frames [K, F] into the cells from ``cell`` on, up to the last cell at most."""

    def read(self, cells: Tensor) -> Tensor:
        """Return a copy of the frames [K, F] in cells [K] int64."""


def make_frames(cells: int, frame_bytes: int, device: torch.device, compression: Compression) -> FrameStore:
    """Make a raw or a compressed store.

    Args:
        cells: number of frames.
        frame_bytes: F.
        device: device of the frames.
        compression: the compression, or ``none``.

    Raises:
        ConfigError: Frames would be compressed on a GPU.
    """
    if compression == "none":
        return RawFrames(cells, frame_bytes, device)
    require_compressible(device)
    return CompressedFrames(cells, frame_bytes)


def require_compressible(device: torch.device) -> None:
    """Refuse to compress frames on a GPU.

    Raises:
        ConfigError: The device is not a CPU.
    """
    if device.type != "cpu":
        raise ConfigError(
            f"expected replay.compression=none on {device}, where frames are not compressed, got another: "
            f"set {as_written('replay.compression', 'none')} or {as_written('device', 'cpu')}"
        )


def frame_store_bytes(cells: int, frame_bytes: int, compression: Compression) -> int:
    """Return the bytes of a full store; for compressed frames this is an estimate (`COMPRESSED_FRACTION`)."""
    if compression == "none":
        return (cells + 1) * frame_bytes
    return (cells + 1) * BYTES_PER_COMPRESSED_FRAME + int(cells * frame_bytes * COMPRESSED_FRACTION)


class RawFrames:
    """A store of one tensor, whose memory is touched only when frames arrive."""

    def __init__(self, cells: int, frame_bytes: int, device: torch.device) -> None:
        self._frames = torch.empty(cells + 1, frame_bytes, dtype=torch.uint8, device=device)
        self._frames[cells] = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor."""
        return self._frames.nbytes

    def write(self, cell: int, frames: Tensor) -> None:
        """Copy frames from any device."""
        self._frames[cell : cell + len(frames)].copy_(frames)

    def read(self, cells: Tensor) -> Tensor:
        """Gather the frames [K, F] of cells [K]."""
        return self._frames.index_select(0, cells)
