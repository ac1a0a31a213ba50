"""Folders of runs, exports and sweeps: none inside them is reached through a link, and a new one is whole or not there.

See `rlvision.core.files`, which opens what is in them.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rlvision.core.errors import CheckpointError
from rlvision.core.files import LONGEST_PREFIX, PART, kind_of, path_exists, sync_folder, temporary_path


def make_folder(folder: Path) -> None:
    """Make a folder inside a run folder where it is missing.

    Raises:
        CheckpointError: something else is there, such as a link to a folder.
    """
    require_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)


def require_folder(folder: Path) -> None:
    """Refuse anything but a folder, or nothing, at a place inside a run folder.

    Raises:
        CheckpointError: names what is there.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR((found := folder.lstat()).st_mode):
            raise CheckpointError(
                f"expected a folder at {folder}, got {kind_of(found)}: put the folder itself there, or do not use it"
            )


def require_folders(root: Path, names: Iterable[str]) -> None:
    """Refuse links at the names of folders below a run folder; a name comes after that of the folder it is in.

    Raises:
        CheckpointError: as of `require_folder`.
    """
    for name in names:
        require_folder(root / name)


def list_folder(folder: Path, pattern: str) -> list[Path]:
    """Return what is in a folder inside a run folder, sorted; nothing where there is none.

    Raises:
        CheckpointError: as of `require_folder`.
    """
    require_folder(folder)
    return sorted(folder.glob(pattern))


def irregular(folder: Path) -> Iterator[Path]:
    """Return what is neither a file nor a folder, at any depth, relative to the folder."""
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            if stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
                yield path.relative_to(folder)


def remove_leftovers(root: Path, names: Iterable[str] = ()) -> None:
    """Delete the temporary files that killed processes left; nobody may be writing in the folders.

    Args:
        root: the run folder, or a sweep's.
        names: of folders in it, as of `require_folders`.
    """
    inner = list(names)
    require_folders(root, inner)
    for folder in (root, *(root / name for name in inner)):
        for path in folder.glob(f".*{PART}"):
            if not stat.S_ISDIR(path.lstat().st_mode):
                path.unlink()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends, or goes again.

    Raises:
        OSError: it cannot be made, or something is at ``path``.
    """
    part = make_temporary_folder(path)
    try:
        yield part
        part.replace(path)
        sync_folder(path.parent)
    finally:
        if path_exists(part):
            shutil.rmtree(part, ignore_errors=True)


def make_temporary_folder(path: Path) -> Path:
    """Make an empty folder with a random name beside ``path``; delete those that killed processes left there.

    Raises:
        OSError: it cannot be made.
    """
    _remove_leftover_folders(path)
    part = temporary_path(path)
    part.mkdir(parents=True)
    return part


def _remove_leftover_folders(path: Path) -> None:
    name = re.compile(rf"\.{re.escape(path.name[:LONGEST_PREFIX])}(\.[0-9a-f]{{16}})?{re.escape(PART)}")
    for left in path.parent.glob(f".*{PART}"):
        if name.fullmatch(left.name) and stat.S_ISDIR(left.lstat().st_mode):  # opened, a pipe would be waited for
            shutil.rmtree(left)
