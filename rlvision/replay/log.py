"""Entries of any length, one behind the other, in chunks that are used again."""

from collections.abc import Callable

import numpy as np

CHUNK_BYTES = 2**22


class Log:
    """Keeps entries until they are released; a chunk all of whose entries are released is filled anew.

    ::

        chunk 0   ~~~~~~~~~~~~~~~~   all released: to be filled next
        chunk 1   ~~~~~~~|eee|fffff
        chunk 2   ggggg|hhhh|          open: entries are appended here

    Entries released in about the order in which they came, as those of a ring are, leave no holes: there are never
    more chunks than the entries fill, but for two.

    Args:
        longest: bytes of an entry, at most.
        check_room: called with the size of a chunk before another one is allocated; raises where that is too much.
    """

    def __init__(self, longest: int, check_room: Callable[[int], None]) -> None:
        self._chunk_bytes = max(CHUNK_BYTES, longest)
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
