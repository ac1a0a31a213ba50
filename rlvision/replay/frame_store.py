"""The frames of a ring, as they are or compressed."""

from typing import Literal, Protocol

import torch
from torch import Tensor

from rlvision.core.errors import ConfigError
from rlvision.replay.compression import BYTES_PER_COMPRESSED_FRAME, CompressedFrames

Compression = Literal["none", "lz4"]

COMPRESSED_FRACTION = 0.3
"""Of a frame's bytes, what it is reckoned to take when compressed: all but 3 of 104 Atari games take less."""


class FrameStore(Protocol):
    """Frames [cells, F] uint8, and behind the last of them a blank one of zeros."""

    @property
    def nbytes(self) -> int:
        """Memory of all of it, bytes."""

    def write(self, cell: int, frames: Tensor) -> None:
        """Put frames [K, F] into the cells from ``cell`` on; none of them lies behind the last."""

    def read(self, cells: Tensor) -> Tensor:
        """The frames in cells [K] int64, [K, F], not shared with the store."""


def make_frames(cells: int, frame_bytes: int, device: torch.device, compression: Compression) -> FrameStore:
    """A store of one kind or the other.

    Args:
        cells: frames it holds.
        frame_bytes: F.
        device: where they lie.
        compression: ``none``, or how they are compressed.

    Raises:
        ConfigError: They would be compressed on a GPU.
    """
    if compression == "none":
        return RawFrames(cells, frame_bytes, device)
    require_compressible(device)
    return CompressedFrames(cells, frame_bytes)


def require_compressible(device: torch.device) -> None:
    """Refuse to compress frames that lie on a GPU.

    Raises:
        ConfigError: They would.
    """
    if device.type != "cpu":
        raise ConfigError(
            f"expected replay.compression=none on {device}, where frames lie as they are, got another: "
            "set --replay.compression=none or --device=cpu"
        )


def frame_store_bytes(cells: int, frame_bytes: int, compression: Compression) -> int:
    """Memory of a store that is full, bytes; of compressed frames, as far as can be said before they are there."""
    if compression == "none":
        return (cells + 1) * frame_bytes
    return (cells + 1) * BYTES_PER_COMPRESSED_FRAME + int(cells * frame_bytes * COMPRESSED_FRACTION)


class RawFrames:
    """One tensor, touched only as frames arrive."""

    def __init__(self, cells: int, frame_bytes: int, device: torch.device) -> None:
        self._frames = torch.empty(cells + 1, frame_bytes, dtype=torch.uint8, device=device)
        self._frames[cells] = 0

    @property
    def nbytes(self) -> int:
        """Memory of the tensor, bytes."""
        return self._frames.nbytes

    def write(self, cell: int, frames: Tensor) -> None:
        """Copy them, from any device."""
        self._frames[cell : cell + len(frames)].copy_(frames)

    def read(self, cells: Tensor) -> Tensor:
        """One gather."""
        return self._frames.index_select(0, cells)
