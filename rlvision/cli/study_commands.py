"""Commands for many runs: compare them, draw their curves, train a sweep of them; and the list of presets."""

from pathlib import Path
from typing import Literal

from rlvision.cli.one_run import Protocol, Which
from rlvision.config.arguments import option
from rlvision.core.errors import ConfigError
from rlvision.core.ranges import NonEmptyStr, PositiveInt, Seed, ThreadCount

Across = Literal["env_steps", "frames", "hours"]
Scored = Literal["training", "evaluations"]
Band = Literal["range", "interval"]


def compare(
    run: tuple[Path, ...],
    /,
    *,
    games: PositiveInt | None = None,
    protocol: Protocol | None = None,
    checkpoint: Which | None = None,
    seed: Seed | None = None,
    device: NonEmptyStr | None = None,
    beside: tuple[NonEmptyStr, ...] | None = None,
    json: Path | None = None,
    out: Path | None = None,
    trust_imports: bool = False,
) -> None:
    """Compare agents over games and seeds: mean, median, IQM, optimality gap; beside published scores.

    Args:
        run: One or more: run folders, exports, or names of agents that come along (breakout, pong, pong-fast).
        games: Whole games to play now with each; unset, a run's last evaluation, or what an export's card says.
        protocol: With --games, Atari: play by the book of nature or machado; unset, as each run.
        checkpoint: With --games: the best by evaluation, or the last; unset, the last, which was not chosen by score.
        seed: With --games: of the games and the random actions; unset, 0.
        device: With --games: cpu, cuda, cuda:1, mps, auto; unset, auto.
        beside: Published agents to show, such as dqn,rainbow,pqn; unset, a few.
        json: File for the numbers, and all that is said of them.
        out: Folder for pictures, each as PNG and SVG: aggregates, performance profiles, sample efficiency.
        trust_imports: Let the folder import the environment, encoder or agent that it names by path: its own code.
    """
    _require_games(games, protocol=protocol, checkpoint=checkpoint, seed=seed, device=device)
    from rlvision.cli import run_commands as commands

    commands.compare(
        run,
        json=json,
        out=out,
        beside=beside,
        games=games,
        protocol=protocol,
        checkpoint=checkpoint or "last",
        seed=seed or 0,
        device=device or "auto",
        trust_imports=trust_imports,
    )


def _require_games(games: int | None, **others: object) -> None:
    """Refuse what only games played now would heed.

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
    from rlvision.cli import run_commands as commands

    commands.plot(run, out=out, what=y, unit=x, band=band)


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
        file: A sweep that comes along (quick, pong), or a YAML file as W&B's agents take it.
        out: Folder of its runs; unset, runs/sweep-FILE.
        processes: Runs going on at once.
        threads: CPU threads of all runs together; unset, all of the machine.
        runs: How many settings to draw (random), or the most of a grid; unset, run_cap of the file.
        seeds: Train each setting with each of these seeds, such as 1,2,3; unset, as the file says.
    """
    from rlvision.cli import run_commands as commands

    commands.sweep(file, out=out, processes=processes, threads=threads, runs=runs, seeds=seeds)


def presets() -> None:
    """List the presets: what each trains, and how long it takes."""
    from rlvision.cli.help import show_presets

    show_presets()
