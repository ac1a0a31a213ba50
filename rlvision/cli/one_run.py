"""Commands for one run: continue it, evaluate it, export it, watch it.

Signatures and docstrings are the options and their help, as in `rlvision.cli.study_commands`. `train` is apart,
in `rlvision.cli.main`: it takes a preset and every setting there is.
"""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le

from rlvision.config.arguments import option
from rlvision.core.errors import ConfigError
from rlvision.core.ranges import FrameCount, NonEmptyStr, NonNegativeInt, PositiveInt, Probability, Seed
from rlvision.core.signals import interruption

Which = Literal["best", "last"]
Protocol = Literal["nature", "machado"]
Never = Literal["never"]
Port = Annotated[int, Ge(0), Le(65535)]
DEFAULT_PORT = 8000


def resume(run: Path, /, *, trust_imports: bool = False) -> None:
    """Continue a run where it stopped, with the settings it has.

    Args:
        run: Run folder, such as runs/pong-seed1.
        trust_imports: Let the folder import the environment, encoder or agent that it names by path: its own code.
    """
    with interruption():
        from rlvision.cli import run_commands as commands

        commands.resume(run, trust_imports=trust_imports)


def evaluate(
    run: Path,
    /,
    *,
    games: PositiveInt = 30,
    json: Path | None = None,
    protocol: Protocol | None = None,
    epsilon: Probability | None = None,
    greedy: bool = False,
    seed: Seed = 0,
    num_envs: PositiveInt = 16,
    max_frames: FrameCount | None = None,
    max_idle_frames: PositiveInt | Never | None = None,
    checkpoint: Which = "best",
    device: NonEmptyStr = "auto",
    trust_imports: bool = False,
) -> None:
    """Play whole games with a trained agent; report raw scores, mean, median and interval.

    Args:
        run: Run folder, export, or the name of an agent that comes along (breakout, pong, pong-fast).
        games: Whole games to play; the first 2 of 30 are those of --games=2.
        json: File for the scores, and all that is said of them.
        protocol: Atari: play by the book of nature or machado; unset, as the run.
        epsilon: Probability of a random action; unset, as the run's own evaluations.
        greedy: No random action at all: --epsilon=0.
        seed: Of the games and the random actions.
        num_envs: Games played side by side; it changes the time they take and nothing else.
        max_frames: Emulator frames after which a game is cut; unset, evaluation.max-frames of the run.
        max_idle_frames: Frames without a reward after which it is, or never; unset, evaluation.max-idle-frames.
        checkpoint: The best by evaluation, where there was one, or the last.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
        trust_imports: Let the folder import the environment, encoder or agent that it names by path: its own code.
    """
    if greedy and epsilon is not None:
        raise ConfigError(f"expected --greedy or --epsilon, got both (--epsilon={epsilon:g}): leave one out")
    from rlvision.cli import run_commands as commands

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
    games: NonNegativeInt = 30,
    protocols: tuple[Protocol, ...] = (),
    seed: Seed = 0,
    device: NonEmptyStr = "auto",
    trust_imports: bool = False,
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
        trust_imports: Let the folder import the environment, encoder or agent that it names by path: its own code.
    """
    from rlvision.cli import run_commands as commands

    commands.export(
        run,
        out=out,
        checkpoint=checkpoint,
        games=games,
        protocols=protocols,
        seed=seed,
        device=device,
        trust_imports=trust_imports,
    )


def watch(
    run: Path,
    /,
    *,
    video: Path | None = None,
    terminal: bool = False,
    html: Path | None = None,
    web: bool = False,
    port: Port | None = None,
    episodes: PositiveInt = 1,
    max_steps: PositiveInt | None = None,
    seed: Seed = 0,
    epsilon: Probability | None = None,
    checkpoint: Which | None = None,
    device: NonEmptyStr = "auto",
    trust_imports: bool = False,
) -> None:
    """Watch a trained agent play: in a window, a terminal, the browser, a video, or a page to keep.

    Args:
        run: Run folder, export, or the name of an agent that comes along (breakout, pong, pong-fast).
        video: File to write, such as pong.mp4; without this and the next three, a window opens.
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
        trust_imports: Let the folder import the environment, encoder or agent that it names by path: its own code.
    """
    _require_alone(
        web, port, video=video, terminal=terminal, html=html, episodes=episodes != 1, max_steps=max_steps is not None
    )
    from rlvision.cli import run_commands as commands

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
    episode: NonEmptyStr | None = None,
    video: Path | None = None,
    terminal: bool = False,
    html: Path | None = None,
    max_steps: PositiveInt | None = None,
    checkpoint: Which = "best",
    device: NonEmptyStr = "auto",
    trust_imports: bool = False,
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
        trust_imports: Let the folder import the environment, encoder or agent that it names by path: its own code.
    """
    from rlvision.cli import run_commands as commands

    commands.replay(
        run,
        episode=episode,
        video=video,
        terminal=terminal,
        html=html,
        max_steps=max_steps,
        checkpoint=checkpoint,
        device=device,
        trust_imports=trust_imports,
    )
