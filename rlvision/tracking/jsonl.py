"""The local record of a run: ``metrics.jsonl``, with one JSON object per row."""

import json
import math
from collections.abc import Iterator, Mapping
from numbers import Integral
from pathlib import Path

from rlvision.core.append_log import AppendLog
from rlvision.core.errors import CheckpointError
from rlvision.core.files import open_to_read, path_exists, read_tail
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import State

METRICS_FILE = "metrics.jsonl"
MAX_ROW_BYTES = 65_536
"""Largest size of a row, so that the end of a file of this size holds the last row."""
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""Strings for the numbers that JSON does not have, as in protobuf's JSON and W&B's files."""


class JsonlTracker:
    """A tracker that appends each row to ``metrics.jsonl``, so that rows survive the end of the process.

    A row is an object with ``env_steps`` first and then its metrics. Floats have the shortest form
    that reads back exactly. The tracker's state is the length of the file. Loading a checkpoint
    removes the rows that a killed run wrote after it, so that the continued run has each row once.
    A new tracker, with nothing loaded, overwrites the file at its first row. While the disk is full,
    rows wait in memory, and one warning says so.

    Args:
        folder: the run folder; made at the first row if it is missing.
    """

    def __init__(self, folder: AnyPath) -> None:
        self.path = as_path(folder) / METRICS_FILE
        self._entries = AppendLog(self.path)

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Write one row and hand it to the operating system."""
        row = {"env_steps": int(env_steps)} | {name: _json_number(value) for name, value in metrics.items()}
        self._entries.append(json.dumps(row, allow_nan=False).encode() + b"\n")

    def state_dict(self) -> State:
        """Flush the rows to disk, since a checkpoint must not outlive them, and return the file's length in bytes.

        Raises:
            OSError: the rows cannot be written.
        """
        return {"offset": self._entries.sync()}

    def load_state_dict(self, state: State) -> None:
        """Remove the rows written after ``state``.

        Raises:
            CheckpointError: the file is shorter than the checkpoint says.
        """
        self._entries.truncate(int(state["offset"]))

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._entries.close()


def read_metrics(folder: AnyPath) -> list[dict[str, float]]:
    """Return the rows of a run, oldest first, without a last row that a kill cut short.

    Raises:
        CheckpointError: there is no such folder, or a row of its file cannot be read.
    """
    return list(each_row(folder))


def each_row(folder: AnyPath) -> Iterator[dict[str, float]]:
    """Yield the rows of `read_metrics` one by one; the rows of a long run need not fit into memory.

    Raises:
        CheckpointError: as in `read_metrics`.
    """
    folder = as_path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"expected a run folder, got {folder}, which is none: check the path")
    path = folder / METRICS_FILE
    if path_exists(path):
        with open_to_read(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_ROW_BYTES), b""), start=1):
                if line.endswith(b"\n") or len(line) == MAX_ROW_BYTES:
                    yield _read_row(line.decode(errors="replace"), number, path)


def last_env_steps(path: AnyPath) -> int:
    """Return the env steps of the last row of a ``metrics.jsonl``, reading only its end; 0 without a row."""
    path = as_path(path)
    if not path_exists(path):
        return 0
    rows = read_tail(path, MAX_ROW_BYTES).split(b"\n")[:-1]
    return int(json.loads(rows[-1])["env_steps"]) if rows else 0


def _read_row(line: str, number: int, path: Path) -> dict[str, float]:
    try:
        row = json.loads(line)
        return {name: NOT_FINITE[value] if isinstance(value, str) else value for name, value in row.items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"expected one JSON object of numbers in line {number} of {path}, got {line[:80]!r}: "
            "correct it without changing its length"
        ) from error


def _json_number(value: float) -> float | str:
    """Return an int, a finite float, or the string for a number that is not finite."""
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
