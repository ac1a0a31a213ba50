"""The local record of a run: one JSON object a row in ``metrics.jsonl``."""

import json
import logging
import math
import os
from collections.abc import Mapping
from io import FileIO
from numbers import Integral
from pathlib import Path

from rlvision.errors import CheckpointError
from rlvision.types import State

_log = logging.getLogger("rlvision")

METRICS_FILE = "metrics.jsonl"
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""JSON has no such numbers: they are written as these strings, as in protobuf's JSON and W&B's files."""


class FileTracker:
    """Appends each row to ``metrics.jsonl``, so that a row survives whatever happens to the process.

    A row is an object with ``env_steps`` first and then its metrics, floats in the shortest form
    that reads back exactly. The tracker's state is the length of the file: what a killed run wrote
    after its last checkpoint is cut off when that checkpoint is loaded, and the continued run has
    each row once. A new tracker, with nothing loaded, starts the file anew at its first row. While the
    disk is full, rows wait in memory; one line says so.

    Args:
        folder: the run folder; made at the first row if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS_FILE
        self._offset = 0
        self._file: FileIO | None = None
        self._waiting: list[bytes] = []

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Write one row and hand it to the operating system."""
        row = {"env_steps": int(env_steps)} | {name: _plain(value) for name, value in metrics.items()}
        self._waiting.append(json.dumps(row, allow_nan=False).encode() + b"\n")
        try:
            self._write()
        except OSError as error:
            if len(self._waiting) == 1:
                _log.warning("expected to write to %s, got %s: its rows wait for room", self.path, error.strerror)

    def state_dict(self) -> State:
        """The length of the file in bytes, once these are on the disk: a checkpoint must not outlive its rows.

        Raises:
            OSError: they cannot be written.
        """
        if self._waiting:
            self._write()
        if self._file is not None:
            os.fsync(self._file.fileno())
        return {"offset": self._offset}

    def load_state_dict(self, state: State) -> None:
        """Forget the rows written after ``state`` was taken.

        Raises:
            CheckpointError: the file is shorter than the checkpoint says.
        """
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < state["offset"]:
            raise CheckpointError(
                f"{self.path} should hold at least the {state['offset']} bytes that the checkpoint counted, but has "
                f"{size}: put the file back, or train into a new folder"
            )
        self.close()
        self._waiting.clear()
        self._offset = int(state["offset"])
        self._file = _open_at(self.path, self._offset)

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self) -> None:
        """Write the rows that wait: all, or where the disk fails none."""
        if self._file is None:
            self._file = _open_at(self.path, self._offset)
        content = b"".join(self._waiting)
        try:
            _write_all(self._file, content)
        except OSError:
            self.close()  # to be opened where it was whole
            raise
        self._offset += len(content)
        self._waiting.clear()


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The rows of a run, oldest first; a last row that was cut short by a kill is left out.

    Raises:
        CheckpointError: there is no such folder, or a row of its file cannot be read.
    """
    if not folder.is_dir():
        raise CheckpointError(f"expected a run folder, but {folder} is none: check the path")
    path = folder / METRICS_FILE
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [_read_row(line, number, path) for number, line in enumerate(lines, start=1)]


def _read_row(line: str, number: int, path: Path) -> dict[str, float]:
    try:
        row = json.loads(line)
        return {name: NOT_FINITE[value] if isinstance(value, str) else value for name, value in row.items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"line {number} of {path} should be one JSON object of numbers, but is {line[:80]!r}: delete that line"
        ) from error


def _plain(value: float) -> float | str:
    """An int, a finite float, or the name of a number that is not finite."""
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _write_all(file: FileIO, content: bytes) -> None:
    """Write ``content``, of which a disk that is nearly full takes only a part at a time."""
    while content:
        content = content[file.write(content) :]


def _open_at(path: Path, offset: int) -> FileIO:
    """Open for writing at ``offset``, with nothing behind it and nothing kept back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    file = path.open("r+b", buffering=0)
    file.truncate(offset)
    file.seek(offset)
    return file
