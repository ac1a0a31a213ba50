"""Growth of time and memory with environments, with the batch size, and with the replay.

    python benchmarks/scaling.py

It writes the tables (benchmarks/scaling.md), the picture (benchmarks/scaling.png) and all numbers
(benchmarks/results/scaling.json). It runs Pong through DN at 84x84x4 with Double and 8 samples per env step, in
bfloat16 if the processor has it. Every row has its own process, in which the compared cases take turns; numbers are
medians over the rounds.

The replay's rows hold frames of 8x8, since a million real frames take 7 GB. Only the search for transitions might
grow, and it does not depend on frames. ``--full`` uses real frames, with two such replays at a time.
"""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from measure.growth import Effort, Row, of_batch, of_environments, of_replay
from measure.machine import in_words, machine

from rlvision.core.devices import computes_bfloat16

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Numbers to vary, and the length of the measurements."""

    environments: tuple[int, ...] = (1, 4, 16, 64, 256)
    """Numbers of environments."""
    batches: tuple[int, ...] = (32, 64, 128, 256, 512, 1024)
    """Batch sizes."""
    replays: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Transitions in the replay."""
    rounds: int = 3
    """Turns of each case."""
    seconds: float = 0.5
    """The shortest turn, in seconds."""
    threads: int | None = None
    """CPU threads of torch; unset, torch's own choice."""
    full: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Fill the replays with 84x84 frames."""
    out: Path = HERE
    """Folder of the tables and the picture."""
    json: Path = HERE / "results" / "scaling.json"
    """File of the numbers."""


@dataclass(frozen=True, slots=True)
class Study:
    """A number to vary, and a function that measures its cost."""

    title: str
    row: Callable[[int, Effort], Row]
    sizes: tuple[int, ...]


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    threads = options.threads or torch.get_num_threads()
    effort = Effort(rounds=options.rounds, seconds=options.seconds, threads=threads, full=options.full)
    tables = {study.title: rows(study, effort) for study in studies(options)}
    report = {
        "tables": tables,
        "machine": machine() | {"threads": threads},
        "precision": "bfloat16" if computes_bfloat16(torch.device("cpu")) else "float32",
        "full": options.full,
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    (options.out / "scaling.md").write_text(as_page(report))
    draw(tables, options.out / "scaling.png")
    print(as_page(report))


def studies(options: Options) -> list[Study]:
    return [
        Study("Environments", of_environments, options.environments),
        Study("Batch", of_batch, options.batches),
        Study("Replay", of_replay, options.replays),
    ]


def rows(study: Study, effort: Effort) -> list[Row]:
    """Return the rows of a study, each measured in its own process."""
    spawn = get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn, max_tasks_per_child=1) as processes:
        return [processes.submit(study.row, size, effort).result() for size in study.sizes]


def as_page(report: dict[str, Any]) -> str:
    """Format the tables in Markdown."""
    frames = "84x84" if report["full"] else "8x8"
    about = (
        f"Made by `python benchmarks/scaling.py` on: {in_words(report['machine'])}, {report['precision']}. "
        f"Replays hold {frames} frames."
    )
    parts = [f"## {title}\n\n{as_table(table)}" for title, table in report["tables"].items()]
    return "\n\n".join(["# How cost grows", about, *parts]) + "\n"


def as_table(table: list[Row]) -> str:
    head = list(table[0])
    lines = [head, ["---"] * len(head), *([as_number(value) for value in row.values()] for row in table)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_number(value: float) -> str:
    """Format a number with four digits, or with all digits before the point."""
    return f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"


def draw(tables: dict[str, list[Row]], path: Path) -> None:
    """Draw a panel for each table: all columns but memory against the first column, both logarithmic.

    A column's name ends with a comma and its unit; all columns of a panel share one unit.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(tables), figsize=(4.6 * len(tables), 3.6), constrained_layout=True)
    for panel, (title, table) in zip(panels, tables.items(), strict=True):
        varied, *columns = table[0]
        for column in (name for name in columns if not name.endswith("MB")):
            what, unit = column.rsplit(", ", 1)
            panel.plot([row[varied] for row in table], [row[column] for row in table], "o-", label=what)
            panel.set_ylabel(unit)
        panel.set(xscale="log", yscale="log", xlabel=varied, title=title)
        panel.set_xticks([row[varied] for row in table], [f"{int(row[varied]):,}" for row in table])
        panel.minorticks_off()
        lowest, highest = panel.get_ylim()
        panel.set_ylim(lowest / 3, highest * 3)  # a constant should look flat
        panel.legend(fontsize=8)
        panel.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
