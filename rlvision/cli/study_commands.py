"""Commands for many runs: compare, plot and sweep; and the lists of presets and networks.

As in `rlvision.cli.run_commands`, a signature defines the options, a docstring is their help, and bodies import the
code that they run.
"""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal

from rlvision.cli.output import console, echo, require_writable, write_json
from rlvision.config.arguments import option
from rlvision.config.schema import CheckpointName
from rlvision.core.errors import ConfigError, RLVisionError
from rlvision.core.ranges import NonEmptyStr, PositiveInt, Seed, ThreadCount
from rlvision.envs.settings import ProtocolName

if TYPE_CHECKING:
    from rlvision.sweeps.results import Result

XAxis = Literal["env_steps", "frames", "hours"]
YAxis = Literal["training", "evaluations"]
Band = Literal["range", "interval"]


def compare(
    run: tuple[Path, ...],
    /,
    *,
    games: PositiveInt | None = None,
    protocol: ProtocolName | None = None,
    checkpoint: CheckpointName | None = None,
    seed: Seed | None = None,
    device: NonEmptyStr | None = None,
    baselines: tuple[NonEmptyStr, ...] | None = None,
    json: Path | None = None,
    out: Path | None = None,
    trust_imports: bool = False,
) -> None:
    """Compare agents over games and seeds: mean, median, IQM and optimality gap, with published scores.

    Args:
        run: One or more run folders, exports or names of bundled agents (breakout, pong).
        games: Whole games to play now with each agent; if unset, use the last evaluation or the scores of the export.
        protocol: With --games, the Atari protocol, nature or machado; if unset, that of each run.
        checkpoint: With --games, the weights, best by evaluation or last; if unset, last: a score selected best.
        seed: With --games, the seed of the games and the random actions; if unset, 0.
        device: With --games, cpu, cuda, cuda:1, mps or auto; if unset, auto.
        baselines: Published agents to show, such as dqn,rainbow,pqn; if unset, a small selection.
        json: JSON file to write, with the numbers and the notes.
        out: Folder for plots as PNG and SVG: aggregates, performance profiles, sample efficiency.
        trust_imports: Allow imports of the environment, encoder or agent that a folder names by path. Runs its code.
    """
    _require_games(games, protocol=protocol, checkpoint=checkpoint, seed=seed, device=device)
    from rlvision.analysis.plot_style import require_folder
    from rlvision.analysis.study import compare_runs, write_pictures
    from rlvision.analysis.tables import comparison_tables
    from rlvision.evaluation.atari_scores import DEFAULT_BASELINES

    if json is not None:
        require_writable(json)
    if out is not None:
        require_folder(out)
    comparison = compare_runs(
        run,
        games=games,
        baselines=DEFAULT_BASELINES if baselines is None else baselines,
        checkpoint=checkpoint or "last",
        device=device or "auto",
        trust_imports=trust_imports,
        protocol=protocol,
        seed=seed or 0,
    )
    for table in comparison_tables(comparison):
        console().print(table)
    for note in comparison.notes():
        echo(f"* {note}")
    if json is not None:
        write_json(json, comparison.to_dict())
    if out is not None:
        lines = [f"written to {path}" for path in write_pictures(comparison, out)]
        echo("\n".join(lines or ["no plots: no game was played by every agent"]))


def _require_games(games: int | None, **others: object) -> None:
    """Refuse options that have no effect without ``--games``.

    Raises:
        ConfigError: The message names the option.
    """
    for name, value in others.items():
        if games is None and value is not None:
            raise ConfigError(f"expected --games with {option(name)}, got {option(name)}={value} alone: add --games=30")


def plot(
    run: tuple[Path, ...],
    /,
    *,
    out: Path = Path("curves.png"),
    y: YAxis = "training",
    x: XAxis = "env_steps",
    band: Band = "range",
) -> None:
    """Plot learning curves for a paper, one line per agent with its seeds as a shaded band.

    Args:
        run: One or more run folders.
        out: File to write, .png or .svg.
        y: Scores to plot: the mean of the last 20 training games, or the evaluations.
        x: Horizontal axis: env steps, emulator frames or hours.
        band: Shaded band: from the lowest to the highest seed, or the 95 % interval of their mean.
    """
    from rlvision.analysis.study import plot_runs

    echo(f"written to {plot_runs(run, out, what=y, unit=x, band=band)}")


def sweep(
    file: NonEmptyStr,
    /,
    *,
    out: Path | None = None,
    processes: PositiveInt = 1,
    threads: ThreadCount | None = None,
    runs: PositiveInt | None = None,
    seeds: tuple[Seed, ...] = (),
) -> None:
    """Train many settings on this machine from a W&B sweep file, or continue the sweep in its folder.

    Args:
        file: A bundled sweep (quick, pong), or a YAML file in the format of W&B sweeps.
        out: Folder of the runs; if unset, runs/sweep-FILE.
        processes: Number of runs at a time.
        threads: CPU threads of all runs together; if unset, all of the machine.
        runs: Number of settings to draw (random), or to take from a grid at most; if unset, run_cap of the file.
        seeds: Seeds to train each setting with, such as 1,2,3; if unset, as in the file.
    """
    from rlvision.sweeps.results import summary_table
    from rlvision.sweeps.runner import Runner
    from rlvision.sweeps.sweep_file import read_sweep
    from rlvision.sweeps.trials import make_trials

    wanted = read_sweep(file)
    folder = out or Path("runs") / f"sweep-{wanted.name}"
    runner = Runner(wanted, make_trials(wanted, runs=runs, seeds=seeds), folder, processes=processes, threads=threads)
    results = runner.run()
    console().print(summary_table(results, wanted.metric))
    echo(f"{folder / 'summary.csv'} holds every run; rlvision watch {quote(str(folder))}/RUN shows one")
    _require_success(results, folder)


def _require_success(results: "Sequence[Result]", folder: Path) -> None:
    failed = [result for result in results if result.status == "failed"]
    if failed:
        first = failed[0]
        raise RLVisionError(
            f"expected all {len(results)} runs to finish, got {len(failed)} that failed, first {first.name} "
            f"({first.why}): see {folder / first.name / 'log.txt'}, and run the same command to retry them"
        )


def presets() -> None:
    """List the presets, with the game and the training time of each."""
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from rlvision.config.presets import known_presets as bundled_presets

    table = Table("preset", "trains", "takes", box=ROUNDED, border_style="dim", header_style="bold")
    for preset in bundled_presets():
        table.add_row(f"[bold]{preset.name}[/]", escape(preset.trains), escape(preset.takes))
    Console(highlight=False).print(table)


def networks(*, device: NonEmptyStr = "auto", threads: ThreadCount | None = None) -> None:
    """List the built-in networks, and measure what they cost on this machine.

    An act is a forward of one observation of four frames. An update is a forward and a backward pass of 32.

    Args:
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        threads: CPU threads of torch; if unset, torch's choice.
    """
    import torch

    from rlvision.core.devices import make_autocast, resolve_device
    from rlvision.nn.costs import network_costs

    if threads is not None:
        torch.set_num_threads(threads)
    chosen, output = resolve_device(device), console()
    columns = "{:<12}{:>7}{:>12}{:>15}{:>11}{:>11}".format
    output.print(columns("encoder", "frame", "parameters", "multiply-adds", "act", "update"), style="bold")
    for cost in network_costs(chosen, make_autocast("auto", chosen)):
        numbers = f"{cost.size}x{cost.size}", f"{cost.parameters:,}", f"{cost.multiply_adds / 1e6:.1f} M"
        times = f"{1e3 * cost.act:.2f} ms", f"{1e3 * cost.update:.1f} ms"
        output.print(columns(cost.encoder, *numbers, *times))
        output.print(f"  {cost.idea}{f' ({cost.paper})' if cost.paper else ''}", style="dim", soft_wrap=True)
