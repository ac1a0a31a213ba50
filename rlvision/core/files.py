"""Files that are there whole or not at all, whatever happens to the process or the power."""

import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from io import FileIO
from pathlib import Path

from rlvision.core.errors import CheckpointError

PART = ".part"
"""Suffix of a file that is not complete yet, or never became so."""


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` such that a reader finds all of it or what was there before, whatever happens."""
    beside = path.with_name(f".{path.name}{PART}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)  # a full disk is no place for half a file
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_there(path: Path) -> bool:
    """Whether there is something at a path; of one that no file can have, such as too long a name, no."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises there


OWNER = ".owner"
"""Name of the file that says who is in a folder; the lock itself is the kernel's, which a dead process lets go of."""

_log = logging.getLogger("rlvision")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder meanwhile. Where a file system knows no locks, a line says so.

    Raises:
        CheckpointError: another process is there; it is named.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, folder)
        with _named(folder / OWNER):
            yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CheckpointError(
            f"expected to train in {folder} alone, got {_owner(folder / OWNER)} at it: "
            "let it end, or set --out to another"
        ) from error
    except OSError as error:
        _log.warning("expected to lock %s, got %s: take care that no second process trains there", folder, error)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Write down who is here, for the others' error message; a full disk is no reason not to train."""
    with suppress(OSError):
        path.write_text(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}")
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def _owner(path: Path) -> str:
    """Who is here, as far as it is written down."""
    try:
        return path.read_text() or "another process"
    except OSError:
        return "another process"


class Journal:
    """Appends whole entries, so that what was written survives whatever happens to the process.

    A new journal, with nothing `cut`, starts its file anew at its first entry. While the disk is full, entries wait
    in memory; one line says so.

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
        """The size of the file in bytes, once all of them are on the disk.

        Raises:
            OSError: they cannot be written.
        """
        if self._waiting:
            self._write()
        if self._file is not None:
            os.fsync(self._file.fileno())
        return self.size

    def cut(self, size: int) -> None:
        """Forget what was written after the file had this size.

        Raises:
            CheckpointError: the file is shorter than that.
        """
        found = self.path.stat().st_size if self.path.exists() else 0
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
    path.touch()
    file = path.open("r+b", buffering=0)
    file.truncate(offset)
    file.seek(offset)
    return file


@contextmanager
def training_goes_on(without: str) -> Iterator[None]:
    """Warn of a disk that fails, and no more: what it held before is still there."""
    try:
        yield
    except OSError as error:
        _log.warning("expected to write %s, got %s: training goes on without it; make room", without, error.strerror)
