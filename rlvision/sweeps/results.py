"""Results of a sweep's runs, stored in its folder and summarised in a table."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.markup import escape
from rich.table import Table

from rlvision.config.field_types import format_value
from rlvision.config.fields import short, short_name
from rlvision.core.errors import CheckpointError
from rlvision.core.files import path_exists, read_text, write_atomically
from rlvision.sweeps.sweep_file import Metric
from rlvision.tracking.dashboard import number
from rlvision.tracking.jsonl import read_metrics

SUMMARY = "summary.json"
LARGEST_SUMMARY = 2**28
"""Largest size in bytes; a run takes a few thousand."""
Status = Literal["finished", "interrupted", "failed", "waiting"]


@dataclass(frozen=True, slots=True)
class Result:
    """One run: its settings and its scores."""

    name: str
    status: Status
    settings: Mapping[str, Any]
    command: Sequence[str]  # what trains it
    why: str | None = None  # the reason why it failed
    env_steps: int = 0
    best: float | None = None  # best value of the sweep's metric
    last: float | None = None
    hours: float | None = None


def measured(result: Result, folder: Path, metric: Metric) -> Result:
    """Return a result with the current numbers of the run in ``folder``."""
    rows = read_metrics(folder) if folder.is_dir() else []
    values = [row[metric.name] for row in rows if metric.name in row]
    best = max if metric.goal == "maximize" else min
    return replace(
        result,
        env_steps=int(max((row["env_steps"] for row in rows), default=0)),
        best=best(values, default=None),
        last=values[-1] if values else None,
        hours=next((row["time/hours"] for row in reversed(rows) if "time/hours" in row), None),
    )


def read_results(folder: Path) -> dict[str, Result]:
    """Read the results in a sweep's folder, by name of the run.

    Raises:
        CheckpointError: its summary file is not that of a sweep.
    """
    path = folder / SUMMARY
    try:
        noted = [Result(**entry) for entry in json.loads(read_text(path, LARGEST_SUMMARY))] if path_exists(path) else []
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"expected the summary of a sweep in {path}, got something else: move it away") from error
    return {result.name: result for result in noted}


def write_results(folder: Path, results: Iterable[Result]) -> None:
    """Write results as ``summary.json`` and, for spreadsheets, as ``summary.csv``."""
    listed = [asdict(result) for result in results]
    write_atomically(folder / SUMMARY, json.dumps(listed, indent=1, default=str).encode() + b"\n")
    write_atomically(folder / "summary.csv", _as_csv(listed).encode())


def _as_csv(listed: list[dict[str, Any]]) -> str:
    settings = list(dict.fromkeys(name for entry in listed for name in entry["settings"]))
    numbers = ["name", "status", "env_steps", "best", "last", "hours"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*numbers, *settings])
    for entry in listed:
        chosen = [format_value(entry["settings"][name]) if name in entry["settings"] else "" for name in settings]
        writer.writerow([*(entry[name] for name in numbers), *chosen])
    return text.getvalue()


def summary_table(results: Sequence[Result], metric: Metric) -> Table:
    """Return a table of the settings, the best first: one row per setting, over its seeds; shared settings below."""
    every = list(dict.fromkeys(name for result in results for name in result.settings if name != "seed"))
    names = [name for name in every if len({repr(result.settings.get(name)) for result in results}) > 1]
    alike = [f"{name}={short(results[0].settings[name])}" for name in every if name not in names]
    headings = [short_name(name, dict.fromkeys(every)) for name in names]
    table = Table(*headings, box=box.ROUNDED, border_style="dim", header_style="bold", caption_justify="left")
    table.caption = escape(f"all runs: {', '.join(alike)}") if alike else None
    for heading in ("runs", f"{metric.name}, last", "lowest to highest", "best"):
        table.add_column(heading, justify="right")
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(repr([result.settings.get(name) for name in names]), []).append(result)
    sign = -1 if metric.goal == "maximize" else 1
    ranked = sorted(
        groups.values(), key=lambda group: (_mean(group, "last") is None, sign * (_mean(group, "last") or 0))
    )
    for group in ranked:
        chosen = [escape(short(group[0].settings[name])) for name in names]
        table.add_row(*chosen, _count(group), *_numbers(group))
    return table


def _count(group: Sequence[Result]) -> str:
    finished = sum(result.status == "finished" for result in group)
    return str(finished) if finished == len(group) else f"{finished} of {len(group)}"


def _numbers(group: Sequence[Result]) -> tuple[str, str, str]:
    last = [result.last for result in group if result.last is not None]
    spread = f"{number(min(last))} to {number(max(last))}" if last else "-"
    return number(_mean(group, "last")), spread, number(_mean(group, "best"))


def _mean(group: Sequence[Result], name: Literal["best", "last"]) -> float | None:
    values = [value for result in group if (value := getattr(result, name)) is not None]
    return sum(values) / len(values) if values else None
