"""The rows in W&B's offline files: each process that works on a run writes one of its own."""

import json
import subprocess
import sys
from pathlib import Path

from rlvision.core.folders import list_folder


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
