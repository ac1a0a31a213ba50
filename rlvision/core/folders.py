"""Safe folders of runs, exports and sweeps: no links inside them, and new folders appear complete or not at all.

See `rlvision.core.files` for the files inside them.
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
    """Create a folder inside a run folder if it is missing.

    Raises:
        CheckpointError: something else has its name, such as a link to a folder.
    """
    require_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)


def require_folder(folder: Path) -> None:
    """Refuse a path inside a run folder that exists and is not a folder.

    Raises:
        CheckpointError: the path is a link or a file; the message says which.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR((found := folder.lstat()).st_mode):
            raise CheckpointError(
                f"expected a folder at {folder}, got {kind_of(found)}: put the folder itself there, or do not use it"
            )


def require_folders(root: Path, names: Iterable[str]) -> None:
    """Refuse links in place of the named folders below ``root``. List a folder before the folders inside it.

    Raises:
        CheckpointError: as in `require_folder`.
    """
    for name in names:
        require_folder(root / name)


def list_folder(folder: Path, pattern: str) -> list[Path]:
    """Return the paths in a folder that match ``pattern``, sorted; an empty list if there is no folder.

    Raises:
        CheckpointError: as in `require_folder`.
    """
    require_folder(folder)
    return sorted(folder.glob(pattern))


def irregular(folder: Path) -> Iterator[Path]:
    """Yield the entries of a folder, at any depth, that are neither files nor folders, relative to it."""
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            if stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
                yield path.relative_to(folder)


def remove_leftovers(root: Path, names: Iterable[str] = ()) -> None:
    """Delete the temporary files of killed processes. No other process may be writing in these folders.

    Args:
        root: folder of a run or a sweep.
        names: of folders in it, as in `require_folders`.
    """
    inner = list(names)
    require_folders(root, inner)
    for folder in (root, *(root / name for name in inner)):
        for path in folder.glob(f".*{PART}"):
            if not stat.S_ISDIR(path.lstat().st_mode):
                path.unlink()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder, which is renamed to ``path`` after the block and deleted after an error.

    Raises:
        OSError: it cannot be created, or something is at ``path`` already.
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
    """Create an empty folder with a random name next to ``path``, and delete those of killed processes.

    Raises:
        OSError: it cannot be created.
    """
    _remove_leftover_folders(path)
    part = temporary_path(path)
    part.mkdir(parents=True)
    return part


def _remove_leftover_folders(path: Path) -> None:
    name = re.compile(rf"\.{re.escape(path.name[:LONGEST_PREFIX])}(\.[0-9a-f]{{16}})?{re.escape(PART)}")
    for left in path.parent.glob(f".*{PART}"):
        if name.fullmatch(left.name) and stat.S_ISDIR(left.lstat().st_mode):  # rmtree would open a pipe, and wait
            shutil.rmtree(left)
