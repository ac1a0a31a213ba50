"""One process at a time in a folder."""

import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from rlvision.errors import CheckpointError

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
