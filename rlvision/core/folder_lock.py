"""A lock on a folder, so that two processes do not train in it at the same time."""

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

OWNER = ".owner"
"""Name of the file that says who is in a folder; the lock itself is the kernel's, which a dead process lets go of."""
LOCK = ".lock"
"""Name of the file that is locked on Windows, where a folder cannot be."""
LONGEST_OWNER = 1_000

_log = logging.getLogger("rlvision")


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder meanwhile. Where a file system knows no locks, a line says so.

    Raises:
        CheckpointError: another process is there; it is named.
    """
    descriptor = _open(folder)
    try:
        _lock(descriptor, folder)
        with _named(folder / OWNER):
            yield
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    """Open what is locked: the folder, or on Windows a file in it."""
    if sys.platform == "win32":
        with open_to_append(folder / LOCK) as file:
            return os.dup(file.fileno())
    return os.open(folder, os.O_RDONLY)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        _try_lock(descriptor)
    except (BlockingIOError, PermissionError) as error:  # of Linux and macOS, and of Windows
        raise CheckpointError(
            f"expected to train in {folder} alone, got {_owner(folder / OWNER)} at it: "
            "let it end, or set --out to another"
        ) from error
    except OSError as error:
        _log.warning("expected to lock %s, got %s: take care that no second process trains there", folder, error)


def _try_lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Write down who is here, for the others' error message; a full disk is no reason not to train."""
    who = f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}"
    with suppress(OSError):
        write_atomically(path, who.encode())
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def _owner(path: Path) -> str:
    """Return who is here, as far as it is written down."""
    try:
        return read_text(path, LONGEST_OWNER) or "another process"
    except (OSError, ValueError, CheckpointError):
        return "another process"
