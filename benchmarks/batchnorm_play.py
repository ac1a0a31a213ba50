"""What running statistics cost at play: a run's games with those it has, and with statistics measured on its replay.

    OMP_NUM_THREADS=1 python benchmarks/batchnorm_play.py --run runs/my-run

Where plain BatchNorm trains by the batch and plays by running averages, it plays another function than it has learned.
This tells what that costs: the same weights play the same games, first with the running statistics that the run ended
with, then with statistics measured anew on batches drawn from the run's replay, which are those that it was trained
with. Of many batches they are those of the replay as a whole; of few they are as uncertain as a training forward's.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from measure.machine import machine
from rich.console import Console
from rich.table import Table
from torch import Tensor

from rlvision.allocator import keep_freed_memory
from rlvision.build import make_memory
from rlvision.errors import RLVisionError
from rlvision.evaluation import Evaluation
from rlvision.nn.fast import prepared
from rlvision.nn.normalisation import statistics_layers
from rlvision.nn.views import recalibrate
from rlvision.run import Run
from rlvision.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Who plays, and by what statistics."""

    run: Path
    """A run folder, with its replay."""
    batches: tuple[int, ...] = (256, 256, 256, 16, 16, 16, 1, 1, 1)
    """Numbers of batches to measure on, each drawn anew."""
    games: int = 20
    """Of each evaluation, the same ones."""
    seed: int = 0
    """Of the games."""
    json: Path | None = None
    """Write the scores to this file as well."""


def load(folder: Path) -> Run:
    """The run, which must have running statistics."""
    run = Run(folder, weights="last", device="cpu")
    if not statistics_layers(run.network):
        sys.exit(f"expected a run with running statistics, got {run.config.network.norm}: choose another")
    return run


def replayed(run: Run) -> Iterator[Tensor]:
    """Observations [B, C, H, W] uint8 of batches drawn from the run's replay, without end."""
    memory, checkpoints = make_memory(run.config, run.spec, torch.device("cpu")), RunFolder(run.folder.path).checkpoints
    state = checkpoints.load_newest()
    if state is None or state["replay"] is None:
        sys.exit(f"expected a run with its replay, got {run.folder.path} without: train one with checkpoint.replay")
    memory.load_rows(checkpoints.replay_folder, state["replay"])
    memory.load_state_dict(state["trainer"]["agent"]["memory"])
    while True:
        yield memory.sample().transition.observation


def evaluations(run: Run, options: Options) -> Iterator[tuple[str, Evaluation]]:
    """Each kind of statistics, and the games played with it."""
    yield "running", run.evaluate(options.games, seed=options.seed)
    observations = replayed(run)
    for draw, count in enumerate(options.batches, 1):
        recalibrate(run.network, (prepared(next(observations)) for _ in range(count)))
        yield f"{count} batches, draw {draw}", run.evaluate(options.games, seed=options.seed)


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    keep_freed_memory()  # as training does
    title = f"{options.games} games, {options.run}"
    table = Table("statistics", "mean", "95 %", "lowest, median, highest", title=title)
    results: dict[str, list[float]] = {}
    try:
        run = load(options.run)
        for statistics, evaluation in evaluations(run, options):
            results[statistics] = evaluation.scores
            low, high = evaluation.interval
            spread = f"{min(evaluation.scores):g}, {evaluation.median:g}, {max(evaluation.scores):g}"
            table.add_row(statistics, f"{evaluation.mean:.2f}", f"{low:.2f} to {high:.2f}", spread)
    except RLVisionError as error:
        sys.exit(str(error))
    Console().print(table)
    if options.json is not None:
        settings = {"batches": options.batches, "games": options.games, "seed": options.seed}
        network = {"env_steps": run.env_steps, **asdict(run.config.network)}
        report = {"machine": machine(), "settings": settings, "network": network, "scores": results}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
