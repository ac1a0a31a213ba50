"""The study of BatchNorm in a Q-network: every normalisation at equal work, with several seeds.

    python -m studies.batchnorm.study --worlds catch cartpole --seeds 1 2 3
    python -m studies.batchnorm.study --worlds cartpole --experiments --seeds 1 2
    python -m studies.batchnorm.study --worlds pong --arms joint batch --seeds 1 --until 100000
    python -m studies.batchnorm.study --report

Each run is `rlvision train` with one changed setting, in its own process and folder under ``--work``. The study can
be interrupted at any time: the same command continues it, including the interrupted run. ``--report`` adds every run
that reached its end, or ``--until``, to the table ``data/runs.json.gz``. Then it writes ``runs.md`` and ``scores.png``
of all runs in the table, including failed ones. Runs in the table are not run again.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rlvision.runs.run_folder import RunFolder
from rlvision.tracking.jsonl import read_metrics
from studies.batchnorm.plan import ARMS, EXPERIMENTS, WORLDS, Cell, cells
from studies.batchnorm.report import draw, read, summary, table
from studies.fold import fold
from studies.table import RunRecord, read_table, table_path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLE = table_path("batchnorm")
ALL_SEEDS = range(1, 11)
HEADING = """# All runs of the BatchNorm study

What they are for, and what they say: [the study](README.md). Three more, of Breakout, were broken off and are
told of there. First the arms, the mean of those of an arm's runs that were not broken off early; then every run.

* *Last 20 games*: mean raw score of training games, which explore. *As far as every run of the world came*: the same
  at the env step where the shortest run of that world ended. *Evaluation*: of the last weights, with its 95 % interval.
* *Gap*, *disagree*, *clipped*, *drift*: `bn/gap`, `bn/greedy_disagreement`, `bn/clipped` and `bn/target_drift` of
  [metrics.md](../../docs/metrics.md), the mean over all rows of a run. *Gap above 0.2 since update*: the first of three
  rows in a row.
* *Q, return seen*: `q/mean` and `q/discounted_return` of the last row that has them.
"""
LOOK_EVERY = 2.0
"""Seconds between two checks of a run's progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The runs to make."""

    worlds: tuple[Literal["catch", "cartpole", "pong", "breakout"], ...] = ("catch", "cartpole")
    """Environments to train on."""
    arms: tuple[str, ...] = tuple(ARMS)
    """Normalisations to compare."""
    experiments: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Run the experiments that change one thing instead of the arms (they are made for the world cartpole)."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of each arm."""
    threads: int = 1
    """CPU threads of each run; another number changes the last bits."""
    until: int | None = None
    """Stop a run after this many env steps; its settings stay, so a later call without this option continues it."""
    work: Path = Path("runs/batchnorm-study")
    """Folder of the run folders."""
    report: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Train nothing; add the finished runs of the work folder to the table, and write runs.md and scores.png."""


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    if options.report:
        report(options)
        return
    names = tuple(EXPERIMENTS) if options.experiments else options.arms
    if unknown := sorted(set(names) - {*ARMS, *EXPERIMENTS}):
        sys.exit(f"expected arms out of {', '.join(ARMS)}, got {', '.join(unknown)}: choose some of these")
    planned, records = list(cells(options.worlds, names, options.seeds)), read_table(TABLE)
    for number, cell in enumerate(planned, 1):
        print(f"[{number}/{len(planned)}] {cell.world}, {cell.name}, seed {cell.seed}", flush=True)
        if not (
            is_kept(records.get(cell.folder), options.until) or is_there(options.work / cell.folder, options.until)
        ):
            train(cell, options)


def train(cell: Cell, options: Options) -> None:
    """Run one cell, or continue it."""
    out = options.work / cell.folder
    settings = [f"--{name}={'none' if value is None else value}" for name, value in cell.overrides.items()]
    command = [sys.executable, str(ROOT / "train.py"), WORLDS[cell.world].preset, f"--out={out}"]
    command += [f"--seed={cell.seed}", f"--threads={options.threads}", "--wandb=disabled", *settings]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(options.threads)}
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None and not (options.until and is_there(out, options.until)):
            time.sleep(LOOK_EVERY)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # it finishes its step and saves
    if process.returncode:
        sys.exit(process.returncode)  # it has printed the reason
    if not is_there(out, options.until):
        sys.exit(f"expected {out} to be trained to its end, got an interruption: the same command continues")


def is_there(folder: Path, until: int | None) -> bool:
    """Return whether the rows of a run reach the requested env step."""
    if not (folder / "metrics.jsonl").exists():
        return False
    rows = read_metrics(folder)
    return bool(rows) and rows[-1]["env_steps"] >= min(RunFolder(folder).config().env_steps, until or sys.maxsize)


def is_kept(record: RunRecord | None, until: int | None) -> bool:
    """Return whether a run in the table reaches the requested env step."""
    return record is not None and record.env_steps >= min(record.settings["env_steps"], until or sys.maxsize)


def report(options: Options) -> None:
    """Add new runs to the table, then write the page and the figure of all results."""
    planned = list(cells(tuple(WORLDS), (*ARMS, *EXPERIMENTS), ALL_SEEDS))
    finished = [cell.folder for cell in planned if is_there(options.work / cell.folder, options.until)]
    folded = fold(TABLE, ((name, options.work / name) for name in finished))
    results = read(read_table(TABLE), planned)
    text = f"{HEADING}\n{summary(results)}\n{table(results)}"
    (HERE / "runs.md").write_text(text)
    draw(results, HERE / "scores.png")
    print(f"{len(folded)} runs folded, {len(results)} in all: {HERE / 'runs.md'}, {HERE / 'scores.png'}")


if __name__ == "__main__":
    main()
