"""What running statistics cost at play: an agent's games with those it has, and with statistics measured anew.

    OMP_NUM_THREADS=1 python benchmarks/batchnorm_play.py --agent runs/my-run

Where plain BatchNorm trains by the batch and plays by running averages, it plays another function than it has learned.
This tells the two apart: the same weights play the same games, first with the running statistics of the run, then with
statistics measured on ``--observations`` of the agent's own games, in batches of the run's size, which is what the
network has learned with. Measured anew, it plays otherwise and sees other things, so it is measured again, ``--rounds``
times.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from measure.machine import machine
from rich.console import Console
from rich.table import Table
from study.observing import observe

from rlvision.allocator import keep_freed_memory
from rlvision.errors import RLVisionError
from rlvision.nn.fast import prepared
from rlvision.nn.normalisation import statistics_layers
from rlvision.nn.views import recalibrate
from rlvision.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Who plays, and how much is measured."""

    agent: str
    """A run, an export, or an agent that comes along."""
    rounds: int = 2
    """How often the statistics are measured anew."""
    observations: int = 4_096
    """To measure them on."""
    games: int = 20
    """Of each evaluation, the same ones."""
    seed: int = 0
    """Of the games."""
    json: Path | None = None
    """Write the scores to this file as well."""


def load(options: Options) -> Run:
    """The agent, which must have running statistics."""
    try:
        run = Run(options.agent, device="cpu")
    except RLVisionError as error:
        sys.exit(str(error))
    if not statistics_layers(run.network):
        sys.exit(f"expected an agent with running statistics, got {run.config.network.norm}: choose another")
    return run


def measure_anew(run: Run, count: int, seed: int) -> None:
    """Replace the statistics by those of the agent's own games, in batches of the size it was trained with."""
    observations = torch.from_numpy(observe(run, count, seed, run.config.evaluation.epsilon))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    recalibrate(run.network, (prepared(observations[rows]) for rows in order.split(run.config.replay.batch_size)))


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    keep_freed_memory()  # as training does
    run = load(options)
    table = Table(
        "statistics", "mean", "95 %", "lowest, median, highest", title=f"{options.games} games, {options.agent}"
    )
    results: dict[str, list[float]] = {}
    for round_ in range(options.rounds + 1):
        name = f"measured anew, {round_}" if round_ else "running"
        if round_:
            measure_anew(run, options.observations, options.seed + round_)
        evaluation = run.evaluate(options.games, seed=options.seed)
        results[name] = evaluation.scores
        low, high = evaluation.interval
        spread = f"{min(evaluation.scores):g}, {evaluation.median:g}, {max(evaluation.scores):g}"
        table.add_row(name, f"{evaluation.mean:.2f}", f"{low:.2f} to {high:.2f}", spread)
    Console().print(table)
    if options.json is not None:
        settings = {name: value for name, value in asdict(options).items() if name != "json"}
        report = {"machine": machine(), "settings": settings, "scores": results}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
