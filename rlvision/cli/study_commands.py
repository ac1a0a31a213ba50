"""Commands for many runs: compare them, draw their curves, train a sweep of them; and the list of presets.

As in `rlvision.cli.run_commands`, a signature is the options, a docstring their help, and bodies import what they run.
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

Across = Literal["env_steps", "frames", "hours"]
Scored = Literal["training", "evaluations"]
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
    """Compare agents over games and seeds: mean, median, IQM, optimality gap; beside published scores.

    Args:
        run: One or more: run folders, exports, or names of bundled agents (breakout, pong, pong-fast).
        games: Whole games to play now with each; unset, a run's last evaluation, or what an export's card says.
        protocol: With --games, Atari: play by the book of nature or machado; unset, as each run.
        checkpoint: With --games: the best by evaluation, or the last; unset, the last, which was not chosen by score.
        seed: With --games: of the games and the random actions; unset, 0.
        device: With --games: cpu, cuda, cuda:1, mps, auto; unset, auto.
        baselines: Published agents to show, such as dqn,rainbow,pqn; unset, a few.
        json: File for the numbers, and all that is said of them.
        out: Folder for pictures, each as PNG and SVG: aggregates, performance profiles, sample efficiency.
        trust_imports: Let the folder import the environment, encoder or agent that it names by path: its own code.
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
        echo("\n".join(lines or ["no picture is drawn: no game was played by every agent"]))


def _require_games(games: int | None, **others: object) -> None:
    """Refuse options that have an effect only on games played now.

    Raises:
        ConfigError: names it.
    """
    for name, value in others.items():
        if games is None and value is not None:
            raise ConfigError(f"expected --games with {option(name)}, got {option(name)}={value} alone: add --games=30")


def plot(
    run: tuple[Path, ...],
    /,
    *,
    out: Path = Path("curves.png"),
    y: Scored = "training",
    x: Across = "env_steps",
    band: Band = "range",
) -> None:
    """Draw learning curves for a paper: a line an agent, its seeds shaded; PNG or SVG.

    Args:
        run: One or more run folders.
        out: File to write; its suffix, .png or .svg, says which.
        y: The mean of the last 20 games of training, or the evaluations.
        x: Along env steps, emulator frames, or hours.
        band: Shade from the lowest to the highest seed, or the 95 % interval of their mean.
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
    """Train many settings on this machine, from a W&B sweep file; the same command continues.

    Args:
        file: A bundled sweep (quick, pong), or a YAML file as W&B's agents take it.
        out: Folder of its runs; unset, runs/sweep-FILE.
        processes: Runs going on at once.
        threads: CPU threads of all runs together; unset, all of the machine.
        runs: How many settings to draw (random), or the most of a grid; unset, run_cap of the file.
        seeds: Train each setting with each of these seeds, such as 1,2,3; unset, as the file says.
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
            f"({first.why}): see {folder / first.name / 'log.txt'}; the same command tries them again"
        )


def presets() -> None:
    """List the presets: what each trains, and how long it takes."""
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from rlvision.config.presets import known_presets as bundled_presets

    table = Table("preset", "trains", "takes", box=ROUNDED, border_style="dim", header_style="bold")
    for preset in bundled_presets():
        table.add_row(f"[bold]{preset.name}[/]", escape(preset.trains), escape(preset.takes))
    Console(highlight=False).print(table)
