"""What the commands do once their arguments are understood: run, and say what came of it."""

import json as json_format
import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Unpack
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError, RLVisionError
from rlvision.core.files import write_atomically
from rlvision.envs.game_archive import read_games
from rlvision.evaluation.evaluate import Watchdog
from rlvision.runs import run as runs
from rlvision.runs.eval_protocol import HowToPlay, make_watchdog, under_protocol
from rlvision.runs.find import find_run
from rlvision.runs.run import Run
from rlvision.tracking.console import SteadyConsole

if TYPE_CHECKING:
    from rlvision.analysis.curve_plots import Band
    from rlvision.analysis.curves import Unit, What
    from rlvision.sweeps.results import Result
    from rlvision.watch.outputs import Outlet
    from rlvision.watch.rollout import Game

from rlvision.runs.export_folder import imported
from rlvision.runs.find import find_agent
from rlvision.runs.run_folder import RunFolder


def train(config: Config) -> None:
    """Train, or continue the run that is there."""
    runs.train(config)
    _say(next_commands(Path(str(config.out))))


def resume(run: Path, *, trust_imports: bool) -> None:
    """Continue a run with the settings it has."""
    runs.resume(run, trust_imports=trust_imports)
    _say(next_commands(run))


def evaluate(
    run: Path,
    *,
    games: int,
    json: Path | None,
    max_frames: int | None,
    max_idle_frames: int | str | None,
    checkpoint: str,
    device: str,
    trust_imports: bool,
    **how: Unpack[HowToPlay],
) -> None:
    """Play whole games, print a table, and write the numbers where they are wanted."""
    if json is not None:
        _require_writable(json)
    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    usual = make_watchdog(under_protocol(agent.config, how.get("protocol")))
    how["watchdog"] = Watchdog(max_frames or usual.max_frames, _idle_frames(max_idle_frames, usual.max_idle_frames))
    report = agent.measure(games, **how)
    _console().print(report.table(f"{report.conditions.game}, weights after {agent.env_steps:,} env steps"))
    if json is not None:
        about = {"run": str(run), "env_steps": agent.env_steps, **report.to_plain()}
        write_atomically(json, json_format.dumps(about, indent=2).encode() + b"\n")


def _idle_frames(given: int | str | None, usual: int | None) -> int | None:
    """What ``--max-idle-frames`` asks for: a number, ``never`` (None), or what is usual where it is unset."""
    if given is None:
        return usual
    return given if isinstance(given, int) else None


def export(
    run: Path,
    *,
    out: Path | None,
    checkpoint: str,
    games: int,
    protocols: Sequence[str],
    seed: int,
    device: str,
    trust_imports: bool,
) -> None:
    """Make an export, and say how to use it."""
    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    folder = agent.export(
        out or Path("exports") / agent.folder.path.resolve().name, games=games, protocols=protocols, seed=seed
    )
    _say(f"written to {folder}: its README.md says {'what it scores and ' if games else ''}how to load it")
    _say(next_commands(folder))


def watch(
    run: Path,
    *,
    video: Path | None,
    terminal: bool,
    html: Path | None,
    episodes: int,
    max_steps: int | None,
    seed: int,
    epsilon: float | None,
    device: str,
    checkpoint: str,
    trust_imports: bool,
) -> None:
    """Show games in one of the ways, and say how they came out."""
    from rlvision.watch.outputs import Outlet

    outlet = Outlet(video, terminal, html)
    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    games = agent.watch(
        video, terminal=terminal, html=html, episodes=episodes, max_steps=max_steps, epsilon=epsilon, seed=seed
    )
    _show_games(games)
    _say_what_was_written(outlet, len(games))


def replay(
    run: Path,
    *,
    episode: str | None,
    video: Path | None,
    terminal: bool,
    html: Path | None,
    max_steps: int | None,
    device: str,
    checkpoint: str,
    trust_imports: bool,
) -> None:
    """Show a training game again and say whether it is that game; or list what there is."""
    if episode is None:
        _list_training_games(run)
        return
    from rlvision.watch.outputs import Outlet

    outlet = Outlet(video, terminal, html)
    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    replayed = agent.replay(episode, video=video, terminal=terminal, html=html, max_steps=max_steps)
    _show_games(replayed.seen)
    _say(f"training game {replayed.game.number:,}: {replayed.verdict}")
    _say_what_was_written(outlet, len(replayed.seen))


def _list_training_games(run: Path) -> None:
    """The best, the worst and the last game that a run folder keeps; no checkpoint is needed for that."""
    from rlvision.watch.game_replay import choose

    games = read_games(find_run(run, trust_imports=True).tapes_folder)  # nothing that it names is imported
    table = Table("episode", "game", "score", "decisions", "at env step", box=None, pad_edge=False)
    for which in ("best", "worst", "last"):
        game = choose(games, which)
        table.add_row(which, f"{game.number:,}", f"{game.score:,g}", f"{game.length:,}", f"{game.env_steps:,}")
    _console().print(table)
    _say(
        f"{len(games):,} training games are kept, numbers {games[0].number:,} to {games[-1].number:,}: "
        f"rlvision replay {quote(str(run))} --episode=best --video=best.mp4"
    )


def _say_what_was_written(outlet: "Outlet", games: int) -> None:
    for path in outlet.files(games):
        _say(f"written to {path} ({path.stat().st_size / 1e6:.1f} MB)")


def watch_web(
    run: Path,
    *,
    port: int,
    seed: int,
    epsilon: float | None,
    checkpoint: str | None,
    device: str,
    trust_imports: bool,
) -> None:
    """Show the agent playing on a page, until somebody interrupts."""
    from rlvision.runs import web_session

    def announce(address: str) -> None:
        where = f"ssh -L {urlsplit(address).port}:{urlsplit(address).netloc} HOST"
        _say(f"{address}\nopens the game; from another machine, first {where}. Ctrl-C ends it.")

    web_session.serve(
        run,
        port=port,
        seed=seed,
        epsilon=epsilon,
        weights=checkpoint,
        device=device,
        announce=announce,
        trust_imports=trust_imports,
    )


def compare(
    run: Sequence[Path],
    *,
    json: Path | None,
    out: Path | None,
    beside: Sequence[str] | None,
    games: int | None,
    checkpoint: str,
    device: str,
    trust_imports: bool,
    **how: Unpack[HowToPlay],
) -> None:
    """Print tables of agents and games, and write numbers and pictures where they are wanted."""
    from rlvision.analysis import compare as comparing
    from rlvision.analysis.plot_style import require_folder
    from rlvision.analysis.tables import tables
    from rlvision.evaluation.atari_scores import USUAL

    if json is not None:
        _require_writable(json)
    if out is not None:
        require_folder(out)
    comparison = comparing.compare_runs(
        run,
        games=games,
        beside=USUAL if beside is None else beside,
        checkpoint=checkpoint,
        device=device,
        trust_imports=trust_imports,
        **how,
    )
    for table in tables(comparison):
        _console().print(table)
    for note in comparison.notes():
        _say(f"* {note}")
    if json is not None:
        write_atomically(json, json_format.dumps(comparison.to_plain(), indent=2).encode() + b"\n")
    if out is not None:
        paths = comparing.write_pictures(comparison, out)
        said = [f"written to {path}" for path in paths] or ["no picture is drawn: no game was played by every agent"]
        _say("\n".join(said))


def plot(run: Sequence[Path], *, out: Path, what: "What", unit: "Unit", band: "Band") -> None:
    """Draw learning curves, and say where they are."""
    from rlvision.analysis.compare import plot_runs

    _say(f"written to {plot_runs(run, out, what=what, unit=unit, band=band)}")


def sweep(
    file: str, *, out: Path | None, processes: int, threads: int | None, runs: int | None, seeds: Sequence[int]
) -> None:
    """Train what is not finished yet of a sweep, and print what came of it.

    Raises:
        RLVisionError: the sweep cannot be used, or runs of it failed.
    """
    from rlvision.sweeps.results import summary_table
    from rlvision.sweeps.runner import Runner
    from rlvision.sweeps.sweep_file import read_sweep
    from rlvision.sweeps.trials import trials

    wanted = read_sweep(file)
    folder = out or Path("runs") / f"sweep-{wanted.name}"
    runner = Runner(wanted, trials(wanted, runs=runs, seeds=seeds), folder, processes=processes, threads=threads)
    results = runner.run()
    _console().print(summary_table(results, wanted.metric))
    _say(f"{folder / 'summary.csv'} holds every run; rlvision watch {quote(str(folder))}/RUN shows one")
    _require_success(results, folder)


def _require_success(results: "Sequence[Result]", folder: Path) -> None:
    failed = [result for result in results if result.status == "failed"]
    if failed:
        first = failed[0]
        raise RLVisionError(
            f"expected all {len(results)} runs to finish, got {len(failed)} that failed, first {first.name} "
            f"({first.why}): see {folder / first.name / 'log.txt'}; the same command tries them again"
        )


def _console() -> Console:
    return SteadyConsole(highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    """Text as it is: a path may have brackets in it."""
    _console().print(text, markup=False)


def _show_games(games: "Sequence[Game]") -> None:
    if not games:
        _say("left before a game was over")
    for number, game in enumerate(games, 1):
        cut = "" if game.over else ", cut short"
        _say(f"game {number}: score {game.score:g} in {game.length:,} decisions{cut} (seed {game.seed})")


def _require_writable(path: Path) -> None:
    """Refuse, before anything is played, a file that could not be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(path.parent, os.W_OK) and not path.is_dir()
    except OSError as error:
        raise ConfigError(f"expected a file to write in --json, got {path}: {error.strerror}; name another") from error
    if not is_writable:
        raise ConfigError(f"expected a file to write in --json, got {path}: name one in a folder that can be written")


OFFLINE = "offline-run-*"
"""Folders that W&B makes where it is offline; ``wandb sync`` leaves a file in those that it has uploaded."""


def next_commands(place: Path) -> str:
    """The commands for a run folder or an export, a line each, complete, as a shell takes them."""
    folder, quoted = find_agent(place, trust_imports=True), quote(str(place))
    trusting = " --trust-imports" if imported(folder.config()) else ""
    lines = [
        f"rlvision evaluate {quoted}{trusting}      plays whole games",
        f"rlvision watch {quoted}{trusting}      shows some",
    ]
    if isinstance(folder, RunFolder):
        lines.append(f"rlvision replay {quoted}      lists games of the training")
    if any(not any(run.glob("*.synced")) for run in (place / "wandb").glob(OFFLINE)):
        lines.append(f"wandb sync {quoted}/wandb/{OFFLINE}      uploads what W&B keeps offline")
    return "\n".join(lines)
