"""W&B's own files in a run folder: the rows that its offline files hold, and the links that it makes."""

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from rlvision.core.errors import CheckpointError
from rlvision.core.folders import irregular, list_folder

OWN_LINKS = ("latest-run", "debug.log", "debug-internal.log", "*run-*/logs/debug-core.log")
"""Links that W&B makes in its folder; it replaces them and writes through none."""


def rows_on_disk(folder: Path, run_id: str) -> int:
    """How many rows the files of an offline run hold, by the step of the last row, which is its number.

    A file ends where its process was killed: what W&B had not written by then is not in it.

    Args:
        folder: W&B's folder of the run, ``runs/pong-seed1/wandb``.
        run_id: of the run.
    """
    files = sorted(list_folder(folder, f"*run-*-{run_id}/run-{run_id}.wandb"), key=_begun)
    return next((step + 1 for path in reversed(files) if (step := _last_step(path)) is not None), 0)


def _begun(path: Path) -> str:
    """When, from the name of its folder: ``offline-run-20250131_235959-abc`` or ``run-...``."""
    return path.parent.name.partition("run-")[2]


def _last_step(path: Path) -> int | None:
    """The step of the last row of a file, None where there is no row.

    ``-P`` keeps the working directory off Python's path: a ``wandb.py`` of the user's is not W&B.
    """
    command = [sys.executable, "-P", "-m", "wandb", "leet", "inspect", "--summary", "--json", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command
    step: int | None = json.loads(said)["step"]
    return step


def require_no_links(folder: Path) -> None:
    """Refuse a folder in which W&B could be led elsewhere.

    Raises:
        CheckpointError: there is a link or a pipe in it that is not one of W&B's own links.
    """
    for path in irregular(folder):
        if not any(fnmatch(path.as_posix(), own) for own in OWN_LINKS):
            raise CheckpointError(f"expected files and folders in {folder}, got the link or pipe {path}: delete it")
