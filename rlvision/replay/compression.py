"""Compressed frames: LZ4, a chunked arena of variable-sized entries, and a frame store on top of them."""

from collections.abc import Callable

import lz4.block
import numpy as np
import torch
from torch import Tensor

from rlvision.core.memory import check_budget

BYTES_PER_COMPRESSED_FRAME = 8 + 4
"""Where a frame is in the log, and how long."""

RESERVE_BYTES = 2**28
"""Left free by frames whose size was not known before."""


class CompressedFrames:
    """Every frame compressed for itself, one behind the other in a log; on the CPU.

    ::

        cell      0    1    2    blank
        place     40   57   72   0
        size      17   15   9    0          size 0: nothing was written, a frame of zeros
    """

    def __init__(self, cells: int, frame_bytes: int) -> None:
        self._cells = cells
        self._frame_bytes = frame_bytes
        self._place = np.zeros(cells + 1, dtype=np.int64)  # in the log
        self._size = np.zeros(cells + 1, dtype=np.int32)
        self._blank = bytes(frame_bytes)
        self._arena = ChunkArena(max_compressed_size(frame_bytes), self._check_room)

    @property
    def nbytes(self) -> int:
        """Memory of the log and of where each frame is in it, bytes."""
        return self._place.nbytes + self._size.nbytes + self._arena.nbytes

    def write(self, cell: int, frames: Tensor) -> None:
        """Compress them one by one.

        Raises:
            MemoryBudgetError: They take more room than there is.
        """
        for at, frame in enumerate(frames.contiguous().numpy(), start=cell):
            compressed = compress(frame.data)
            place = self._arena.append(compressed)
            if self._size[at]:
                self._arena.release(int(self._place[at]))
            self._place[at], self._size[at] = place, len(compressed)

    def read(self, cells: Tensor) -> Tensor:
        """Unpack them, each once, however often it is asked for."""
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
    """The content, smaller."""
    compressed: bytes = lz4.block.compress(content, store_size=False)
    return compressed


def decompress(compressed: Content, size: int) -> bytes:
    """The ``size`` bytes of which `compress` made ``compressed``."""
    content: bytes = lz4.block.decompress(compressed, uncompressed_size=size)
    return content


def max_compressed_size(size: int) -> int:
    """The most bytes that `compress` may make of ``size``: LZ4's own bound."""
    return size + size // 255 + 16


CHUNK_BYTES = 2**22


class ChunkArena:
    """Keeps entries until they are released; a chunk all of whose entries are released is filled anew.

    ::

        chunk 0   ~~~~~~~~~~~~~~~~   all released: to be filled next
        chunk 1   ~~~~~~~|eee|fffff
        chunk 2   ggggg|hhhh|          open: entries are appended here

    Entries released in about the order in which they came, as those of a ring are, leave no holes: there are never
    more chunks than the entries fill, but for two.

    Args:
        max_entry_bytes: bytes of an entry, at most.
        check_room: called with the size of a chunk before another one is allocated; raises where that is too much.
    """

    def __init__(self, max_entry_bytes: int, check_room: Callable[[int], None]) -> None:
        self._chunk_bytes = max(CHUNK_BYTES, max_entry_bytes)
        self._check_room = check_room
        self._chunks: list[memoryview] = []
        self._entries: list[int] = []  # of each chunk, not released
        self._empty: list[int] = []  # chunks to fill
        self._open = -1  # the chunk being filled
        self._filled = self._chunk_bytes  # of it

    @property
    def nbytes(self) -> int:
        """Memory of all chunks, bytes."""
        return len(self._chunks) * self._chunk_bytes

    def append(self, entry: bytes) -> int:
        """Keep ``entry`` and say where."""
        if self._filled + len(entry) > self._chunk_bytes:
            self._open_next()
        start = self._filled
        self._filled += len(entry)
        self._chunks[self._open][start : self._filled] = entry
        self._entries[self._open] += 1
        return self._open * self._chunk_bytes + start

    def read(self, place: int, size: int) -> memoryview:
        """The entry of ``size`` bytes at ``place``: look at it before it is released."""
        chunk, start = divmod(place, self._chunk_bytes)
        return self._chunks[chunk][start : start + size]

    def release(self, place: int) -> None:
        """Forget the entry at ``place``."""
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
