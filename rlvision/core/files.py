"""Files of run folders, exports and sweeps: whole or not at all, and never reached through a link.

Such a folder may come from a stranger, with links that lead out of it and pipes that never end. Therefore

* a file is opened as itself: no link, pipe or device, and where all of it is read, no more than a limit;
* a new file has a random name until it is complete, and then replaces what was there, even a link;
* a folder inside a run folder is a folder, not a link to one (`rlvision.core.folders`).

The run folder itself is wherever its user says, behind links of her own if she likes.
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
"""Suffix of a file that is not complete yet, or never became so."""
LONGEST_PREFIX = 40
"""Characters of a file's name in its temporary name: the whole still fits where the file's own name does."""

_NO_SURPRISES = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
"""Follow no link, wait for no pipe, change no line end; each where the system knows it."""
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}
_log = logging.getLogger("rlvision")


def open_to_read(path: Path, limit: int | None = None) -> BinaryIO:
    """Open a regular file, and no link to one.

    Args:
        path: of the file.
        limit: bytes that it may have; None: any number, for what is read piece by piece.

    Raises:
        CheckpointError: something else is there, or more bytes.
        OSError: it cannot be opened.
    """
    file = os.fdopen(_open(path, os.O_RDONLY), "rb")
    size = os.fstat(file.fileno()).st_size
    if limit is not None and size > limit:
        file.close()
        raise CheckpointError(
            f"expected at most {limit:,} bytes in {path}, got {size:,}: rlvision writes no such file, do not use "
            "the folder"
        )
    return file


def open_to_append(path: Path) -> BinaryIO:
    """Open a regular file, made if it is missing, such that every write goes to its end; raises like `open_to_read`."""
    return os.fdopen(_open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")


def open_to_change(path: Path) -> FileIO:
    """Open a regular file to write in it, without a buffer; raises like `open_to_read`."""
    return FileIO(_open(path, os.O_RDWR), "r+")


def create(path: Path) -> FileIO:
    """Open a new file without a buffer, in the place of what was there; that is deleted, never written to.

    Raises:
        OSError: it cannot be made.
    """
    if path_exists(path):
        path.unlink()
    return FileIO(_open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), "r+")


def _open(path: Path, flags: int) -> int:
    with suppress(FileNotFoundError):
        _require_regular(path, path.lstat())  # names what is there; all there is where O_NOFOLLOW is unknown
    descriptor = os.open(path, flags | _NO_SURPRISES, 0o666)
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
    """Return what something is, in words: a file, a symbolic link and the like."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "a device")


def file_size(path: Path) -> int:
    """Return the bytes of a regular file, 0 if there is none.

    Raises:
        CheckpointError: something else is there.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    _require_regular(path, found)
    return found.st_size


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a whole regular file.

    Raises:
        CheckpointError: something else is there, or more bytes than the limit.
        OSError: it cannot be read.
    """
    with open_to_read(path, limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def read_text(path: Path, limit: int) -> str:
    """Read a whole regular file as UTF-8, with the line ends of Unix.

    Raises:
        UnicodeDecodeError: it is no such text.
        CheckpointError, OSError: as of `read_bytes`.
    """
    return read_bytes(path, limit).decode("utf-8").replace("\r\n", "\n")


def read_tail(path: Path, size: int) -> bytes:
    """Read the last bytes of a regular file, at most ``size`` of them; raises like `open_to_read`."""
    with open_to_read(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size)


class NewFile:
    """A file under a random name that becomes ``path`` once it is complete, or goes again.

    Example::

        with NewFile(path) as new:
            new.file.write(b"content")
            new.keep(path)

    Attributes:
        path: where it is meanwhile, for code that opens files by their names.
        file: open for writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = temporary_path(path)
        self.file: BinaryIO = os.fdopen(_open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL), "w+b")

    def keep(self, path: Path) -> None:
        """Put the file in its place such that a reader finds all of it or what was there before, come what may."""
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
            with suppress(OSError):  # of a buffer that a full disk does not take; the error of that is on its way
                self.file.close()
            self.path.unlink()


def temporary_path(path: Path) -> Path:
    """Return a name beside ``path`` that nobody can guess, for what is not complete yet."""
    return path.with_name(f".{path.name[:LONGEST_PREFIX]}.{token_hex(8)}{PART}")


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` such that a reader finds all of it or what was there before, come what may.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    with NewFile(path) as new:
        new.file.write(content)
        new.keep(path)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut; Windows has no way to ask for that."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_exists(path: Path) -> bool:
    """Return whether something is at a path, a link that leads nowhere included; where no file can be, nothing is."""
    return os.path.lexists(path)


@contextmanager
def warn_on_os_error(without: str) -> Iterator[None]:
    """Warn of a disk that fails, and no more: what it held before is still there."""
    try:
        yield
    except OSError as error:
        _log.warning("expected to write %s, got %s: training goes on without it; make room", without, error.strerror)
