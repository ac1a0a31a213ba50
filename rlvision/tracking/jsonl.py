"""The local record of a run: one JSON object a row in ``metrics.jsonl``."""

import json
import math
from collections.abc import Iterator, Mapping
from numbers import Integral
from pathlib import Path

from rlvision.core.append_log import AppendLog
from rlvision.core.errors import CheckpointError
from rlvision.core.files import open_to_read, path_exists, read_tail
from rlvision.core.types import State

METRICS_FILE = "metrics.jsonl"
MAX_ROW_BYTES = 65_536
"""Bytes that a row has at most, so that the last one is certain to be in as many."""
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""JSON has no such numbers: they are written as these strings, as in protobuf's JSON and W&B's files."""


class JsonlTracker:
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
        self._entries = AppendLog(self.path)

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Write one row and hand it to the operating system."""
        row = {"env_steps": int(env_steps)} | {name: _plain(value) for name, value in metrics.items()}
        self._entries.append(json.dumps(row, allow_nan=False).encode() + b"\n")

    def state_dict(self) -> State:
        """The length of the file in bytes, once these are on the disk: a checkpoint must not outlive its rows.

        Raises:
            OSError: they cannot be written.
        """
        return {"offset": self._entries.sync()}

    def load_state_dict(self, state: State) -> None:
        """Forget the rows written after ``state`` was taken.

        Raises:
            CheckpointError: the file is shorter than the checkpoint says.
        """
        self._entries.truncate(int(state["offset"]))

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._entries.close()


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The rows of a run, oldest first; a last row that was cut short by a kill is left out.

    Raises:
        CheckpointError: there is no such folder, or a row of its file cannot be read.
    """
    return list(each_row(folder))


def each_row(folder: Path) -> Iterator[dict[str, float]]:
    """What `read_metrics` returns, row by row: long runs have more rows than are worth holding.

    Raises:
        CheckpointError: as `read_metrics` does.
    """
    if not folder.is_dir():
        raise CheckpointError(f"expected a run folder, but {folder} is none: check the path")
    path = folder / METRICS_FILE
    if path_exists(path):
        with open_to_read(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_ROW_BYTES), b""), start=1):
                if line.endswith(b"\n") or len(line) == MAX_ROW_BYTES:
                    yield _read_row(line.decode(errors="replace"), number, path)


def last_env_steps(path: Path) -> int:
    """How far a run has come, by the end of its ``metrics.jsonl`` alone; 0 where there is no row."""
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
            f"line {number} of {path} should be one JSON object of numbers, but is {line[:80]!r}: "
            "mend it without changing its length"
        ) from error


def _plain(value: float) -> float | str:
    """An int, a finite float, or the name of a number that is not finite."""
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
