"""A lock on a folder, so that only one process trains in it at a time."""

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from rlvision.core.errors import CheckpointError
from rlvision.core.files import open_to_append, read_text, write_atomically
from rlvision.core.wording import as_written, shown

OWNER = ".owner"
"""Name of the file that names the process in a folder. The kernel holds the lock, and frees it if the process dies."""
LOCK = ".lock"
"""Name of the file that is locked on Windows, which cannot lock a folder."""
LONGEST_OWNER = 1_000

_log = logging.getLogger("rlvision")


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder inside the block. If the file system has no locks, log a warning.

    Raises:
        CheckpointError: another process is there; the message names it.
    """
    descriptor = _open(folder)
    try:
        _lock(descriptor, folder)
        with _owner_file(folder / OWNER):
            yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Return whether a process is in the folder; False if that cannot be known, as without a folder."""
    with suppress(OSError):
        descriptor = _open(folder)
        try:
            _try_lock(descriptor)
        except (BlockingIOError, PermissionError):
            return True
        finally:
            os.close(descriptor)
    return False


def _open(folder: Path) -> int:
    """Open the folder, or on Windows the lock file in it."""
    if sys.platform == "win32":
        with open_to_append(folder / LOCK) as file:
            return os.dup(file.fileno())
    return os.open(folder, os.O_RDONLY)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        _try_lock(descriptor)
    except (BlockingIOError, PermissionError) as error:  # of Linux and macOS, and of Windows
        raise CheckpointError(
            f"expected no other process in {shown(folder)}, got {_read_owner(folder / OWNER)}: "
            f"let it end, or set {as_written('out')} to another"
        ) from error
    except OSError as error:
        _log.warning("expected to lock %s, got %s: make sure that no second process trains there", shown(folder), error)


def _try_lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def _owner_file(path: Path) -> Iterator[None]:
    """Name this process in a file, for the error message of others; training works without it, as on a full disk."""
    who = f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}"
    with suppress(OSError):
        write_atomically(path, who.encode())
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def _read_owner(path: Path) -> str:
    """Return the process that the owner file names, or "another process" if it cannot be read."""
    try:
        return read_text(path, LONGEST_OWNER) or "another process"
    except (OSError, ValueError, CheckpointError):
        return "another process"
