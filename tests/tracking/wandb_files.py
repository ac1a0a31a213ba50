"""What W&B's files on the disk hold, as its own command line reads them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rlvision.tracking.jsonl import NOT_FINITE
from rlvision.tracking.metrics import MEDIA


def fragments(folder: Path) -> list[Path]:
    """W&B's files of a run folder, the oldest first."""
    return sorted(folder.glob("wandb/*run-*/*.wandb"), key=lambda path: path.stat().st_mtime)


def inspect(path: Path) -> list[dict[str, Any]]:
    """The records of a file."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, with W&B's step; without its other columns, and without what is no number."""
    items = [record["history"]["item"] for record in inspect(path) if record["type"] == "history"]
    return [{name: _number(item[name]) for name in item if _is_number(name)} for item in items]


def _is_number(name: str) -> bool:
    """What is no number is spread over several columns: ``q/values.bins``."""
    return name == "_step" or not (name.startswith("_") or name.partition(".")[0] in MEDIA)


def _number(value: Any) -> float:
    return NOT_FINITE[value] if isinstance(value, str) else value
