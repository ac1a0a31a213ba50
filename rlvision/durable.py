"""Files that are there whole or not at all, whatever happens to the process or the power."""

import os
from pathlib import Path

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
