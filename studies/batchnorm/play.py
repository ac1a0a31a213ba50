"""Cost of running statistics in play, compared with statistics measured on the run's replay.

    OMP_NUM_THREADS=1 python -m studies.batchnorm.play --run runs/my-run

Plain BatchNorm trains by the batch's statistics and plays by running averages, so it plays another function than it
learned. This script measures the cost. The same weights play the same games: first with the final running statistics,
then with statistics measured on batches from the run's replay, as in training. Many batches give the statistics of the
whole replay; one batch gives them with the uncertainty of a training forward.

The table has the distance of the channels' means and of the Q-values from those with the first measured statistics.
The distance of the running statistics shows their delay; the distance between two draws shows chance.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.measure.machine import machine
from rlvision.core.errors import RLVisionError
from rlvision.core.memory import keep_freed_memory
from rlvision.evaluation.result import Evaluation
from rlvision.learning.agent import make_replay
from rlvision.nn.diagnostics import disagreement, gap
from rlvision.nn.fusion import to_channels_last_float
from rlvision.nn.statistics import statistics_layers
from rlvision.nn.target_network import recalibrate
from rlvision.runs.builders import make_setup
from rlvision.runs.run import Run
from rlvision.runs.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The run, and the statistics to play with."""

    run: Path
    """A run folder, with its replay."""
    batches: tuple[int, ...] = (256, 256, 1, 1)
    """Numbers of batches to measure on, each with new draws."""
    games: int = 20
    """Games of each evaluation, always the same."""
    states: int = 16
    """Batches of states to compare Q-values on."""
    seed: int = 0
    """Seed of the games."""
    json: Path | None = None
    """Write the numbers to this file as well."""


@dataclass(frozen=True, slots=True)
class Played:
    """The results of the same games and states with one kind of statistics."""

    statistics: str
    games: Evaluation
    q_values: Tensor
    """[states, A]."""
    means: tuple[Tensor, ...]
    """Means of the channels of each layer."""
    deviations: tuple[Tensor, ...]
    """Standard deviations of the channels of each layer."""


def load(folder: Path) -> Run:
    """Load the run, whose network must have running statistics."""
    run = Run(folder, weights="last", device="cpu")
    if not statistics_layers(run.network):
        sys.exit(f"expected a run with running statistics, got {run.config.network.norm}: choose another")
    return run


def replayed(run: Run) -> Iterator[Tensor]:
    """Yield endless observations [B, C, H, W] uint8 of batches from the run's replay."""
    setup = replace(make_setup(run.config, run.spec), device=torch.device("cpu"))
    memory, checkpoints = make_replay(setup, run.config.agent), RunFolder(run.folder.path).checkpoints
    state = checkpoints.load_newest()
    if state is None or state["replay"] is None:
        sys.exit(f"expected a run with its replay, got {run.folder.path} without: train one with checkpoint.replay")
    memory.load_rows(checkpoints.replay_folder, state["replay"])
    memory.load_state_dict(state["trainer"]["agent"]["memory"])
    while True:
        yield memory.sample().transition.observation


@torch.no_grad()
def plays(run: Run, options: Options) -> Iterator[Played]:
    """Yield the results with each kind of statistics."""
    observations = replayed(run)
    states = torch.cat([next(observations) for _ in range(options.states)])

    def played(name: str) -> Played:
        q_values = torch.cat([run.network(to_channels_last_float(part)).q_values for part in states.split(64)])
        layers = statistics_layers(run.network)
        means = tuple(layer.running_mean.clone() for layer in layers)
        deviations = tuple((layer.running_var + layer.eps).sqrt() for layer in layers)
        return Played(name, run.evaluate(games=options.games, seed=options.seed), q_values, means, deviations)

    yield played("running")
    for draw, count in enumerate(options.batches, 1):
        recalibrate(run.network, (to_channels_last_float(next(observations)) for _ in range(count)))
        yield played(f"of {count} {'batch' if count == 1 else 'batches'}, draw {draw}")


def shift(played: Played, measured: Played) -> float:
    """Return the worst layer's mean distance of channel means from those measured first, in standard deviations."""
    layers = zip(played.means, measured.means, measured.deviations, strict=True)
    return max(((mean - other).abs() / deviation).mean().item() for mean, other, deviation in layers)


def report(every: Sequence[Played], title: str) -> tuple[Table, dict[str, dict[str, Any]]]:
    """Return the results as a table, and as plain values."""
    table = Table("statistics", "shift", "gap", "disagree", "mean", "95 %", "median", "range", title=title)
    rows: dict[str, dict[str, Any]] = {}
    for played in every:
        games = played.games
        measured = every[1]
        moved = shift(played, measured)
        apart = gap(played.q_values, measured.q_values).item()
        others = disagreement(played.q_values, measured.q_values).item()
        low, high = games.interval
        range_ = f"{min(games.scores):g} to {max(games.scores):g}"
        interval = f"{low:.1f} to {high:.1f}"
        table.add_row(
            played.statistics,
            f"{moved:.3f}",
            f"{apart:.3f}",
            f"{others:.1%}",
            f"{games.mean:.1f}",
            interval,
            f"{games.median:g}",
            range_,
        )
        rows[played.statistics] = {"shift": moved, "gap": apart, "disagree": others, "scores": games.scores}
    return table, rows


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    if not options.batches:
        sys.exit("expected a number of batches to measure on, got none: name one")
    keep_freed_memory()  # as training does
    try:
        run = load(options.run)
        table, rows = report(list(plays(run, options)), f"{options.games} games, {options.run}")
    except RLVisionError as error:
        sys.exit(str(error))
    Console().print(table)
    if options.json is not None:
        settings = {"batches": options.batches, "games": options.games, "states": options.states, "seed": options.seed}
        network = {"env_steps": run.env_steps, **asdict(run.config.network)}
        written = {"machine": machine(), "settings": settings, "network": network, "statistics": rows}
        options.json.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
