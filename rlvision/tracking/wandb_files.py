"""W&B's own files in a run folder: rows in its offline files, and its symbolic links."""

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from rlvision.core.errors import CheckpointError
from rlvision.core.folders import irregular, list_folder

OWN_LINKS = ("latest-run", "debug.log", "debug-internal.log", "*run-*/logs/debug-core.log")
"""Links that W&B makes in its folder; it replaces them and never writes through them."""


def rows_on_disk(folder: Path, run_id: str) -> int:
    """Count the rows in the files of an offline run, by the step of the last row.

    The file of a killed process lacks the rows that W&B had not written by then.

    Args:
        folder: W&B's folder of the run, ``runs/pong-seed1/wandb``.
        run_id: of the run.
    """
    files = sorted(list_folder(folder, f"*run-*-{run_id}/run-{run_id}.wandb"), key=_start_time)
    return next((step + 1 for path in reversed(files) if (step := _last_step(path)) is not None), 0)


def _start_time(path: Path) -> str:
    """Return the start time in a folder's name: ``offline-run-20250131_235959-abc`` or ``run-...``."""
    return path.parent.name.partition("run-")[2]


def _last_step(path: Path) -> int | None:
    """Return the step of the last row of a file, None if there is no row.

    ``-P`` keeps the working directory off Python's path, so that a user's own ``wandb.py`` is not imported.
    """
    command = [sys.executable, "-P", "-m", "wandb", "leet", "inspect", "--summary", "--json", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command
    step: int | None = json.loads(said)["step"]
    return step


def require_no_links(folder: Path) -> None:
    """Refuse a folder with links that could lead W&B outside it.

    Raises:
        CheckpointError: the folder holds a link or a pipe that is not one of W&B's own links.
    """
    for path in irregular(folder):
        if not any(fnmatch(path.as_posix(), own) for own in OWN_LINKS):
            raise CheckpointError(f"expected files and folders in {folder}, got the link or pipe {path}: delete it")
