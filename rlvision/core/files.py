"""Atomic writes and safe reads of files in run folders, exports and sweeps.

Such a folder may come from a stranger. It may hold links that lead out of it, and pipes that never end. Therefore:

* only regular files are opened, never links, pipes or devices, and a file that is read whole has a size limit;
* a new file has a random name until it is complete, and then replaces the old file or link;
* a folder inside a run folder is a real folder, not a link to one (`rlvision.core.folders`).

The run folder itself may lie behind links.
"""

import logging
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import BinaryIO, Self

from rlvision.core.errors import CheckpointError

PART = ".part"
"""Suffix of an incomplete file."""
LONGEST_PREFIX = 40
"""Characters of a file's name in its temporary name, so that the temporary name is not too long for the file system."""

_SAFE_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Do not follow links, wait for pipes or convert line ends; each flag only if the system has it."""
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}
_log = logging.getLogger("rlvision")


def open_to_read(path: Path, limit: int | None = None) -> BinaryIO:
    """Open a regular file for reading.

    Args:
        path: of the file.
        limit: the most bytes that it may have; None for no limit, if the file is read in pieces.

    Raises:
        CheckpointError: it is a link or no regular file, or it is larger than the limit.
        OSError: it cannot be opened.
    """
    file = os.fdopen(_open(path, os.O_RDONLY), "rb")
    size = os.fstat(file.fileno()).st_size
    if limit is not None and size > limit:
        file.close()
        raise CheckpointError(
            f"expected at most {limit:,} bytes in {path}, got {size:,}: rlvision did not write this file, do not use "
            "the folder"
        )
    return file


def open_to_append(path: Path) -> BinaryIO:
    """Open a regular file for appending, and create it if it is missing. Raises the errors of `open_to_read`."""
    return os.fdopen(_open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")


def open_to_change(path: Path) -> FileIO:
    """Open a regular file for unbuffered reading and writing. Raises the errors of `open_to_read`."""
    return FileIO(_open(path, os.O_RDWR), "r+")


def create(path: Path) -> FileIO:
    """Create a file for unbuffered reading and writing. An old file of that name is deleted, never written to.

    Raises:
        OSError: it cannot be created.
    """
    if path_exists(path):
        path.unlink()
    return FileIO(_open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), "r+")


def _open(path: Path, flags: int) -> int:
    with suppress(FileNotFoundError):
        _require_regular(path, path.lstat())  # a clear message, and the only check on systems without O_NOFOLLOW
    descriptor = os.open(path, flags | _SAFE_FLAGS, 0o666)
    try:
        _require_regular(path, os.fstat(descriptor))
    except CheckpointError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError(
            f"expected a regular file at {path}, got {kind_of(found)}: put the file itself there, or do not use "
            "the folder"
        )


def kind_of(found: os.stat_result) -> str:
    """Return the kind of a directory entry for a message, such as "a symbolic link"."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "a device")


def file_size(path: Path) -> int:
    """Return the size of a regular file in bytes, or 0 if there is none.

    Raises:
        CheckpointError: it is a link or no regular file.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    _require_regular(path, found)
    return found.st_size


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a whole regular file of at most ``limit`` bytes.

    Raises:
        CheckpointError: it is a link or no regular file, or it is larger than the limit.
        OSError: it cannot be read.
    """
    with open_to_read(path, limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def read_text(path: Path, limit: int) -> str:
    """Read a whole regular file as UTF-8, and convert its line ends to those of Unix.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
        CheckpointError, OSError: as in `read_bytes`.
    """
    return read_bytes(path, limit).decode("utf-8").replace("\r\n", "\n")


def read_tail(path: Path, size: int) -> bytes:
    """Read the last ``size`` bytes of a regular file, or all if it is shorter. Raises the errors of `open_to_read`."""
    with open_to_read(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size)


class NewFile:
    """A file with a random temporary name, which `keep` moves into place; without `keep` it is deleted.

    Example::

        with NewFile(path) as new:
            new.file.write(b"content")
            new.keep(path)

    Attributes:
        path: the temporary path, for code that opens files by name.
        file: open for writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = temporary_path(path)
        self.file: BinaryIO = os.fdopen(_open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL), "w+b")

    def keep(self, path: Path) -> None:
        """Move the complete file to ``path`` atomically: a reader sees the old content or the new, never a part."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.path.replace(path)
        sync_folder(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if path_exists(self.path):
            with suppress(OSError):  # the full disk refuses the rest of the buffer; its first error is raised already
                self.file.close()
            self.path.unlink()


def temporary_path(path: Path) -> Path:
    """Return an unpredictable temporary name in the folder of ``path``."""
    return path.with_name(f".{path.name[:LONGEST_PREFIX]}.{token_hex(8)}{PART}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically: a reader sees the old content or the new, never a part.

    Raises:
        OSError: the file cannot be written; the old one is unchanged.
    """
    with NewFile(path) as new:
        new.file.write(content)
        new.keep(path)


def sync_folder(folder: Path) -> None:
    """Flush renames in ``folder`` to the disk, so that they survive a power cut. Does nothing on Windows."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_exists(path: Path) -> bool:
    """Return whether anything is at ``path``, even a dangling link; False for a path that no file can have."""
    return os.path.lexists(path)


@contextmanager
def warn_on_os_error(without: str) -> Iterator[None]:
    """Log an OSError of the block as a warning: the old files are intact, so training can continue.

    Args:
        without: the file that could not be written, for the message.
    """
    try:
        yield
    except OSError as error:
        _log.warning(
            "expected to write %s, got %s: training continues without it, free some space", without, error.strerror
        )
