"""What the commands take: their signatures and docstrings are their options and their help.

`train` is apart, in `rlvision.cli`: it takes a preset and every setting there is.
"""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le

from rlvision.config import Count, Positive, Seed, Share, Text, Threads
from rlvision.errors import ConfigError
from rlvision.interruption import interruption
from rlvision.settings.arguments import option

Which = Literal["best", "last"]
Protocol = Literal["nature", "machado"]
Across = Literal["env_steps", "frames", "hours"]
Scored = Literal["training", "evaluations"]
Band = Literal["range", "interval"]
Port = Annotated[int, Ge(0), Le(65535)]
DEFAULT_PORT = 8000


def resume(run: Path, /) -> None:
    """Continue a run where it stopped, with the settings it has.

    Args:
        run: Run folder, such as runs/pong-seed1.
    """
    with interruption():
        from rlvision import commands

        commands.resume(run)


def evaluate(
    run: Path,
    /,
    *,
    games: Positive = 30,
    json: Path | None = None,
    protocol: Protocol | None = None,
    epsilon: Share | None = None,
    greedy: bool = False,
    seed: Seed = 0,
    num_envs: Positive = 16,
    max_frames: Positive | None = None,
    max_idle_frames: Positive | None = None,
    checkpoint: Which = "best",
    device: Text = "auto",
    trust_imports: bool = False,
) -> None:
    """Play whole games with a trained agent; report raw scores, mean, median and interval.

    Args:
        run: Run folder, export, or the name of an agent that comes along (pong).
        games: Whole games to play; the first 2 of 30 are those of --games=2.
        json: File for the scores, and all that is said of them.
        protocol: Atari: play by the book of nature or machado; unset, as the run.
        epsilon: Probability of a random action; unset, as the run's own evaluations.
        greedy: No random action at all: --epsilon=0.
        seed: Of the games and the random actions.
        num_envs: Games played side by side; it changes the time they take and nothing else.
        max_frames: Emulator frames after which a game is cut; unset, evaluation.max-frames of the run.
        max_idle_frames: Frames without a reward after which it is; unset, evaluation.max-idle-frames of the run.
        checkpoint: The best by evaluation, where there was one, or the last.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
        trust_imports: Let an export import the environment or encoder that it names by path: code of its own.
    """
    if greedy and epsilon is not None:
        raise ConfigError(f"expected --greedy or --epsilon, got both (--epsilon={epsilon:g}): leave one out")
    from rlvision import commands

    commands.evaluate(
        run,
        games=games,
        json=json,
        protocol=protocol,
        epsilon=0.0 if greedy else epsilon,
        seed=seed,
        num_envs=num_envs,
        max_frames=max_frames,
        max_idle_frames=max_idle_frames,
        checkpoint=checkpoint,
        device=device,
        trust_imports=trust_imports,
    )


def export(
    run: Path,
    /,
    *,
    out: Path | None = None,
    checkpoint: Which = "best",
    games: Count = 30,
    protocols: tuple[Protocol, ...] = (),
    seed: Seed = 0,
    device: Text = "auto",
) -> None:
    """Put a trained agent into a folder to pass on: weights (safetensors), settings (JSON), a card with its score.

    Args:
        run: Run folder, such as runs/pong-seed1.
        out: Folder to make; unset, exports/ and the run folder's name.
        checkpoint: The best by evaluation, where there was one, or the last.
        games: Whole games to measure its score by, under each protocol; 0 for none.
        protocols: Atari: by the books of nature,machado or one of them; unset, as the run.
        seed: Of those games.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
    """
    from rlvision import commands

    commands.export(run, out=out, checkpoint=checkpoint, games=games, protocols=protocols, seed=seed, device=device)


def watch(
    run: Path,
    /,
    *,
    video: Path | None = None,
    terminal: bool = False,
    html: Path | None = None,
    web: bool = False,
    port: Port | None = None,
    episodes: Positive = 1,
    max_steps: Positive | None = None,
    seed: Seed = 0,
    epsilon: Share | None = None,
    checkpoint: Which | None = None,
    device: Text = "auto",
    trust_imports: bool = False,
) -> None:
    """Watch a trained agent play: in a window, a terminal, the browser, a video, or a page to keep.

    Args:
        run: Run folder, export, or the name of an agent that comes along (pong).
        video: File to write, such as pong.mp4; without this and the next two, a window opens.
        terminal: Draw in this terminal, over ssh too. Keys: space, s, + and -, n, o, q.
        html: Page to write, such as pong.html: it opens from disk, with slider, Q-values and saliency.
        web: Play on a page of this machine, with the network's inside in view; it follows a run in training.
        port: Of that page; 0 takes any that is free; unset, 8000.
        episodes: Whole games to show.
        max_steps: Most decisions to show of each game; unset, all.
        seed: Of the games and the random actions.
        epsilon: Probability of a random action; unset, as the run's own evaluations.
        checkpoint: The best by evaluation, where there was one, or the last; unset, the best; with --web the newest.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
        trust_imports: Let an export import the environment or encoder that it names by path: code of its own.
    """
    _require_alone(
        web, port, video=video, terminal=terminal, html=html, episodes=episodes != 1, max_steps=max_steps is not None
    )
    from rlvision import commands

    if web:
        commands.watch_web(
            run,
            port=DEFAULT_PORT if port is None else port,
            seed=seed,
            epsilon=epsilon,
            checkpoint=checkpoint,
            device=device,
            trust_imports=trust_imports,
        )
        return
    commands.watch(
        run,
        video=video,
        terminal=terminal,
        html=html,
        episodes=episodes,
        max_steps=max_steps,
        seed=seed,
        epsilon=epsilon,
        checkpoint=checkpoint or "best",
        device=device,
        trust_imports=trust_imports,
    )


def _require_alone(web: bool, port: int | None, **others: object) -> None:
    """Refuse what a page would not heed, and what only a page would.

    Raises:
        ConfigError: names it.
    """
    if port is not None and not web:
        raise ConfigError(f"expected --port with --web, got --port={port} alone: add --web")
    for name, is_given in others.items():
        if web and is_given:
            given = option(name)
            raise ConfigError(f"expected --web alone, got {given} too: the page plays until Ctrl-C, leave {given} out")


def replay(
    run: Path,
    /,
    *,
    episode: Text | None = None,
    video: Path | None = None,
    terminal: bool = False,
    html: Path | None = None,
    max_steps: Positive | None = None,
    checkpoint: Which = "best",
    device: Text = "auto",
) -> None:
    """Watch a game of the training again, in full colour, from its tape; without --episode, list some.

    Args:
        run: Run folder, such as runs/pong-seed1.
        episode: best, worst, last, or a number.
        video: File to write, such as best.mp4; without this and the next two, a window opens.
        terminal: Draw in this terminal, over ssh too. Keys: space, s, + and -, o, q.
        html: Page to write, such as best.html: it opens from disk, with slider, Q-values and saliency.
        max_steps: Most decisions to show; unset, all.
        checkpoint: Whose Q-values are shown: of the best by evaluation, where there was one, or the last.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
    """
    from rlvision import commands

    commands.replay(
        run,
        episode=episode,
        video=video,
        terminal=terminal,
        html=html,
        max_steps=max_steps,
        checkpoint=checkpoint,
        device=device,
    )


def compare(
    run: tuple[Path, ...],
    /,
    *,
    games: Positive | None = None,
    protocol: Protocol | None = None,
    checkpoint: Which | None = None,
    seed: Seed | None = None,
    device: Text | None = None,
    beside: tuple[Text, ...] | None = None,
    json: Path | None = None,
    out: Path | None = None,
    trust_imports: bool = False,
) -> None:
    """Compare agents over games and seeds: mean, median, IQM, optimality gap; beside published scores.

    Args:
        run: One or more: run folders, exports, or names of agents that come along (pong).
        games: Whole games to play now with each; unset, a run's last evaluation, or what an export's card says.
        protocol: With --games, Atari: play by the book of nature or machado; unset, as each run.
        checkpoint: With --games: the best by evaluation, or the last; unset, the last, which was not chosen by score.
        seed: With --games: of the games and the random actions; unset, 0.
        device: With --games: cpu, cuda, cuda:1, mps, auto; unset, auto.
        beside: Published agents to show, such as dqn,rainbow,pqn; unset, a few.
        json: File for the numbers, and all that is said of them.
        out: Folder for pictures, each as PNG and SVG: aggregates, performance profiles, sample efficiency.
        trust_imports: Let an export import the environment or encoder that it names by path: code of its own.
    """
    _require_games(games, protocol=protocol, checkpoint=checkpoint, seed=seed, device=device)
    from rlvision import commands

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
    from rlvision import commands

    commands.plot(run, out=out, what=y, unit=x, band=band)


def sweep(
    file: Text,
    /,
    *,
    out: Path | None = None,
    processes: Positive = 1,
    threads: Threads | None = None,
    runs: Positive | None = None,
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
    from rlvision import commands

    commands.sweep(file, out=out, processes=processes, threads=threads, runs=runs, seeds=seeds)


def presets() -> None:
    """List the presets: what each trains, and how long it takes."""
    from rlvision.settings.overview import show_presets

    show_presets()
