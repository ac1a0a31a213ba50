"""A file to which whole entries are appended, so that what was written survives whatever happens to the process."""

import logging
import os
from io import FileIO
from pathlib import Path

from rlvision.core.errors import CheckpointError
from rlvision.core.files import create, file_size, open_to_change

_log = logging.getLogger("rlvision")


class AppendLog:
    """Appends whole entries to a file.

    A new log, with nothing `cut`, replaces its file at its first entry. While the disk is full, entries wait in
    memory; one line says so.

    Args:
        path: of the file; it and its folder are made at the first entry.
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
                _log.warning("expected to write to %s, got %s: its rows wait for room", self.path, error.strerror)

    def sync(self) -> int:
        """Return the size of the file in bytes, once all of them are on the disk.

        Raises:
            OSError: they cannot be written.
        """
        if self._waiting:
            self._write()
        if self._file is not None:
            os.fsync(self._file.fileno())
        return self.size

    def truncate(self, size: int) -> None:
        """Forget what was written after the file had this size.

        Raises:
            CheckpointError: the file is shorter than that, or no regular file.
        """
        found = file_size(self.path)
        if found < size:
            raise CheckpointError(
                f"{self.path} should hold at least the {size} bytes that the checkpoint counted, but has "
                f"{found}: put the file back, or train into a new folder"
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
        """Write the entries that wait: all, or where the disk fails none."""
        if self._file is None:
            self._file = _open_at(self.path, self.size)
        content = b"".join(self._waiting)
        try:
            _write_all(self._file, content)
        except OSError:
            self.close()  # to be opened where it was whole
            raise
        self.size += len(content)
        self._waiting.clear()


def _write_all(file: FileIO, content: bytes) -> None:
    """Write ``content``, of which a disk that is nearly full takes only a part at a time."""
    while content:
        content = content[file.write(content) :]


def _open_at(path: Path, offset: int) -> FileIO:
    """Open for writing at ``offset``, with nothing behind it and nothing kept back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open_to_change(path) if offset else create(path)
    file.truncate(offset)
    file.seek(offset)
    return file
