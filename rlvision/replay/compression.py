"""Compressed frames: LZ4, an arena for entries of variable size, and a frame store that uses both."""

from collections.abc import Callable

import lz4.block
import numpy as np
import torch
from torch import Tensor

from rlvision.core.memory import check_budget

BYTES_PER_COMPRESSED_FRAME = 8 + 4
"""Bytes of a frame's place in the arena and of its size."""

RESERVE_BYTES = 2**28
"""Bytes to leave free when the arena grows, since the size of the frames is not known in advance."""


class CompressedFrames:
    """A frame store on the CPU that compresses every frame on its own and appends it to an arena.

    ::

        cell      0    1    2    blank
        place     40   57   72   0
        size      17   15   9    0          size 0: not written, a frame of zeros
    """

    def __init__(self, cells: int, frame_bytes: int) -> None:
        self._cells = cells
        self._frame_bytes = frame_bytes
        self._place = np.zeros(cells + 1, dtype=np.int64)  # in the arena
        self._size = np.zeros(cells + 1, dtype=np.int32)
        self._blank = bytes(frame_bytes)
        self._arena = ChunkArena(max_compressed_size(frame_bytes), self._check_room)

    @property
    def nbytes(self) -> int:
        """Bytes of the arena and of the places and sizes of its frames."""
        return self._place.nbytes + self._size.nbytes + self._arena.nbytes

    def write(self, cell: int, frames: Tensor) -> None:
        """Compress the frames one by one.

        Raises:
            MemoryBudgetError: They need more memory than is free.
        """
        for at, frame in enumerate(frames.contiguous().numpy(), start=cell):
            compressed = compress(frame.data)
            place = self._arena.append(compressed)
            if self._size[at]:
                self._arena.release(int(self._place[at]))
            self._place[at], self._size[at] = place, len(compressed)

    def read(self, cells: Tensor) -> Tensor:
        """Decompress the frames [K, F] of cells [K]; a frame that is asked for twice is decompressed once."""
        asked = cells.numpy()
        entries = list(zip(self._place[asked].tolist(), self._size[asked].tolist(), strict=True))
        decompressed = {entry: self._decompress(*entry) for entry in set(entries)}
        content = bytearray().join([decompressed[entry] for entry in entries])
        return torch.frombuffer(content, dtype=torch.uint8).view(-1, self._frame_bytes)

    def _decompress(self, place: int, size: int) -> bytes:
        return decompress(self._arena.read(place, size), self._frame_bytes) if size else self._blank

    def _check_room(self, chunk_bytes: int) -> None:
        filled = np.count_nonzero(self._size)
        what = f"the rest of a replay that is filled to {filled:,} of {self._cells:,} transitions"
        check_budget(chunk_bytes + RESERVE_BYTES, torch.device("cpu"), what, "lower replay.capacity")


Content = bytes | memoryview


def compress(content: Content) -> bytes:
    """Compress ``content`` with LZ4."""
    compressed: bytes = lz4.block.compress(content, store_size=False)
    return compressed


def decompress(compressed: Content, size: int) -> bytes:
    """Return the ``size`` bytes that `compress` turned into ``compressed``."""
    content: bytes = lz4.block.decompress(compressed, uncompressed_size=size)
    return content


def max_compressed_size(size: int) -> int:
    """Return LZ4's upper bound for the compressed size of ``size`` bytes."""
    return size + size // 255 + 16


CHUNK_BYTES = 2**22


class ChunkArena:
    """An allocator of entries in chunks; a chunk is reused once all of its entries are released.

    ::

        chunk 0   ~~~~~~~~~~~~~~~~   all released: reused next
        chunk 1   ~~~~~~~|eee|fffff
        chunk 2   ggggg|hhhh|          open: entries are appended here

    A ring releases entries in about the order in which it added them, so no holes remain: there are at most two
    chunks more than the entries fill.

    Args:
        max_entry_bytes: upper bound of an entry's size.
        check_room: called with the size of a chunk before it is allocated; raises if memory does not suffice.
    """

    def __init__(self, max_entry_bytes: int, check_room: Callable[[int], None]) -> None:
        self._chunk_bytes = max(CHUNK_BYTES, max_entry_bytes)
        self._check_room = check_room
        self._chunks: list[memoryview] = []
        self._entries: list[int] = []  # of each chunk, not released
        self._empty: list[int] = []  # chunks to reuse
        self._open = -1  # the chunk being filled
        self._filled = self._chunk_bytes  # bytes of the open chunk

    @property
    def nbytes(self) -> int:
        """Bytes of all chunks."""
        return len(self._chunks) * self._chunk_bytes

    def append(self, entry: bytes) -> int:
        """Store ``entry`` and return its place."""
        if self._filled + len(entry) > self._chunk_bytes:
            self._open_next()
        start = self._filled
        self._filled += len(entry)
        self._chunks[self._open][start : self._filled] = entry
        self._entries[self._open] += 1
        return self._open * self._chunk_bytes + start

    def read(self, place: int, size: int) -> memoryview:
        """Return a view of the entry of ``size`` bytes at ``place``, valid until it is released."""
        chunk, start = divmod(place, self._chunk_bytes)
        return self._chunks[chunk][start : start + size]

    def release(self, place: int) -> None:
        """Release the entry at ``place``."""
        chunk = place // self._chunk_bytes
        self._entries[chunk] -= 1
        if self._entries[chunk] == 0 and chunk != self._open:
            self._empty.append(chunk)

    def _open_next(self) -> None:
        if self._open >= 0 and self._entries[self._open] == 0:
            self._empty.append(self._open)
        if not self._empty:
            self._empty.append(self._allocate())
        self._open, self._filled = self._empty.pop(), 0

    def _allocate(self) -> int:
        self._check_room(self._chunk_bytes)
        self._chunks.append(np.empty(self._chunk_bytes, dtype=np.uint8).data)
        self._entries.append(0)
        return len(self._chunks) - 1
