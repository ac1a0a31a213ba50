"""Append-only files of whole entries, which survive a crash of the process."""

import logging
import os
from io import FileIO
from pathlib import Path

from rlvision.core.errors import CheckpointError
from rlvision.core.files import create, file_size, open_to_change

_log = logging.getLogger("rlvision")


class AppendLog:
    """An append-only file of whole entries.

    The first entry replaces an existing file, unless `truncate` was called before. While the disk is full, entries
    wait in memory, and one warning is logged.

    Args:
        path: of the file; it and its folder are created at the first entry.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # bytes in the file
        self._file: FileIO | None = None
        self._waiting: list[bytes] = []

    def append(self, entry: bytes) -> None:
        """Write one entry and hand it to the operating system."""
        self._waiting.append(entry)
        try:
            self._write()
        except OSError as error:
            if len(self._waiting) == 1:
                _log.warning(
                    "expected to write to %s, got %s: its rows wait in memory, free some space",
                    self.path,
                    error.strerror,
                )

    def sync(self) -> int:
        """Flush all entries to the disk, and return the size of the file in bytes.

        Raises:
            OSError: the disk cannot be written.
        """
        if self._waiting:
            self._write()
        if self._file is not None:
            os.fsync(self._file.fileno())
        return self.size

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes, and append there from now on.

        Raises:
            CheckpointError: the file is shorter than ``size``, or not a regular file.
        """
        found = file_size(self.path)
        if found < size:
            raise CheckpointError(
                f"expected at least the {size} bytes in {self.path} that the checkpoint counted, got {found}: "
                "put the file back, or train into a new folder"
            )
        self.close()
        self._waiting.clear()
        self.size = size
        self._file = _open_at(self.path, size)

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self) -> None:
        """Write the waiting entries: all of them, or none if the disk fails."""
        if self._file is None:
            self._file = _open_at(self.path, self.size)
        content = b"".join(self._waiting)
        try:
            _write_all(self._file, content)
        except OSError:
            self.close()  # the next write reopens the file and cuts off a partial entry
            raise
        self.size += len(content)
        self._waiting.clear()


def _write_all(file: FileIO, content: bytes) -> None:
    """Write all of ``content``: a nearly full disk takes only a part at a time."""
    while content:
        content = content[file.write(content) :]


def _open_at(path: Path, offset: int) -> FileIO:
    """Open a file for unbuffered writing at ``offset``, and drop everything after it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open_to_change(path) if offset else create(path)
    file.truncate(offset)
    file.seek(offset)
    return file
