"""Commands for one run: train it, continue it, evaluate it, export it, watch it, show its games again.

A command's signature is its options, its docstring their help, its body the work. Bodies import what they run, so
that help screens appear at once.
"""

from pathlib import Path
from shlex import quote
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Ge, Le

from rlvision.cli.output import console, echo, echo_files, echo_games, next_commands, require_writable, write_json
from rlvision.config.arguments import option
from rlvision.config.schema import CheckpointName, Config
from rlvision.core.errors import ConfigError
from rlvision.core.ranges import FrameCount, NonEmptyStr, NonNegativeInt, PositiveInt, Probability, Seed
from rlvision.core.signals import interruption
from rlvision.envs.settings import ProtocolName

Never = Literal["never"]
Port = Annotated[int, Ge(0), Le(65535)]
DEFAULT_PORT = 8000


def train(config: Config, /) -> None:
    """Train an agent; the same command continues the run that is in its folder.

    Args:
        config: A preset and the settings that differ from it.
    """
    from rlvision.runs import run as runs

    runs.train(config)
    echo(next_commands(Path(str(config.out))))


def resume(run: Path, /, *, trust_imports: bool = False) -> None:
    """Continue a run where it stopped, with the settings it has.

    Args:
        run: Run folder, such as runs/pong-seed1.
        trust_imports: Let the folder import the environment or encoder that it names by path: code of its own.
    """
    with interruption():  # while it imports and starts, too
        from rlvision.runs import run as runs

        runs.resume(run, trust_imports=trust_imports)
        echo(next_commands(run))


def evaluate(
    run: Path,
    /,
    *,
    games: PositiveInt = 30,
    json: Path | None = None,
    protocol: ProtocolName | None = None,
    epsilon: Probability | None = None,
    greedy: bool = False,
    seed: Seed = 0,
    num_envs: PositiveInt = 16,
    max_frames: FrameCount | None = None,
    max_idle_frames: PositiveInt | Never | None = None,
    checkpoint: CheckpointName = "best",
    device: NonEmptyStr = "auto",
    trust_imports: bool = False,
) -> None:
    """Play whole games with a trained agent; report raw scores, mean, median and interval.

    Args:
        run: Run folder, export, or the name of a bundled agent (breakout, pong, pong-fast).
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
        trust_imports: Let the folder import the environment or encoder that it names by path: code of its own.
    """
    if greedy and epsilon is not None:
        raise ConfigError(f"expected --greedy or --epsilon, got both (--epsilon={epsilon:g}): leave one out")
    from rlvision.evaluation.episode_limits import EpisodeLimits
    from rlvision.runs.eval_protocol import make_limits, with_protocol
    from rlvision.runs.run import Run

    if json is not None:
        require_writable(json)
    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    usual = make_limits(with_protocol(agent.config, protocol))
    report = agent.measure(
        games,
        protocol=protocol,
        epsilon=0.0 if greedy else epsilon,
        seed=seed,
        num_envs=num_envs,
        limits=EpisodeLimits(max_frames or usual.max_frames, _idle_frames(max_idle_frames, usual.max_idle_frames)),
    )
    console().print(report.table(f"{report.conditions.game}, weights after {agent.env_steps:,} env steps"))
    if json is not None:
        write_json(json, {"run": str(run), "env_steps": agent.env_steps, **report.to_dict()})


def _idle_frames(given: int | str | None, usual: int | None) -> int | None:
    """Return the number that ``--max-idle-frames`` asks for, None for ``never``, or the usual one if it is unset."""
    if given is None:
        return usual
    return given if isinstance(given, int) else None


def export(
    run: Path,
    /,
    *,
    out: Path | None = None,
    checkpoint: CheckpointName = "best",
    games: NonNegativeInt = 30,
    protocols: tuple[ProtocolName, ...] = (),
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
        trust_imports: Let the folder import the environment or encoder that it names by path: code of its own.
    """
    from rlvision.runs.run import Run

    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    usual = Path("exports") / agent.folder.path.resolve().name
    folder = agent.export(out or usual, games=games, protocols=protocols, seed=seed)
    echo(f"written to {folder}: its README.md says {'what it scores and ' if games else ''}how to load it")
    echo(next_commands(folder))


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
    checkpoint: CheckpointName | None = None,
    device: NonEmptyStr = "auto",
    trust_imports: bool = False,
) -> None:
    """Watch a trained agent play: in a window, a terminal, the browser, a video, or a page to keep.

    Args:
        run: Run folder, export, or the name of a bundled agent (breakout, pong, pong-fast).
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
        trust_imports: Let the folder import the environment or encoder that it names by path: code of its own.
    """
    _require_alone(
        web, port, video=video, terminal=terminal, html=html, episodes=episodes != 1, max_steps=max_steps is not None
    )
    if web:
        from rlvision.runs import web_session

        web_session.serve(
            run,
            port=DEFAULT_PORT if port is None else port,
            seed=seed,
            epsilon=epsilon,
            weights=checkpoint,
            device=device,
            announce=_announce,
            trust_imports=trust_imports,
        )
        return
    from rlvision.runs.run import Run
    from rlvision.watch.outputs import Output

    output = Output(video, terminal, html)
    agent = Run(run, weights=checkpoint or "best", device=device, trust_imports=trust_imports)
    games = agent.watch(
        video, terminal=terminal, html=html, episodes=episodes, max_steps=max_steps, epsilon=epsilon, seed=seed
    )
    echo_games(games)
    echo_files(output, len(games))


def _require_alone(web: bool, port: int | None, **others: object) -> None:
    """Refuse options that do nothing with ``--web``, and the one that does nothing without it.

    Raises:
        ConfigError: names it.
    """
    if port is not None and not web:
        raise ConfigError(f"expected --port with --web, got --port={port} alone: add --web")
    for name, is_given in others.items():
        if web and is_given:
            given = option(name)
            raise ConfigError(f"expected --web alone, got {given} too: the page plays until Ctrl-C, leave {given} out")


def _announce(address: str) -> None:
    tunnel = f"ssh -L {urlsplit(address).port}:{urlsplit(address).netloc} HOST"
    echo(f"{address}\nopens the game; from another machine, first {tunnel}. Ctrl-C ends it.")


def replay(
    run: Path,
    /,
    *,
    episode: NonEmptyStr | None = None,
    video: Path | None = None,
    terminal: bool = False,
    html: Path | None = None,
    max_steps: PositiveInt | None = None,
    checkpoint: CheckpointName = "best",
    device: NonEmptyStr = "auto",
    trust_imports: bool = False,
) -> None:
    """Watch a game of the training again, in full colour, from its action log; without --episode, list some.

    Args:
        run: Run folder, such as runs/pong-seed1.
        episode: best, worst, last, or a number.
        video: File to write, such as best.mp4; without this and the next two, a window opens.
        terminal: Draw in this terminal, over ssh too. Keys: space, s, + and -, o, q.
        html: Page to write, such as best.html: it opens from disk, with slider, Q-values and saliency.
        max_steps: Most decisions to show; unset, all.
        checkpoint: Whose Q-values are shown: of the best by evaluation, where there was one, or the last.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
        trust_imports: Let the folder import the environment or encoder that it names by path: code of its own.
    """
    if episode is None:
        _list_training_games(run)
        return
    from rlvision.runs.run import Run
    from rlvision.watch.outputs import Output

    output = Output(video, terminal, html)
    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    replayed = agent.replay(episode, video=video, terminal=terminal, html=html, max_steps=max_steps)
    echo_games(replayed.seen)
    echo(f"training game {replayed.game.number:,}: {replayed.outcome}")
    echo_files(output, len(replayed.seen))


def _list_training_games(run: Path) -> None:
    """Print the best, the worst and the last game that a run folder keeps; no checkpoint is needed for that."""
    from rich.table import Table

    from rlvision.envs.game_archive import read_games
    from rlvision.runs.find import find_run
    from rlvision.watch.game_replay import choose_game

    games = read_games(find_run(run, trust_imports=True).games_folder)  # nothing that it names is imported
    table = Table("episode", "game", "score", "decisions", "at env step", box=None, pad_edge=False)
    for which in ("best", "worst", "last"):
        game = choose_game(games, which)
        table.add_row(which, f"{game.number:,}", f"{game.score:,g}", f"{game.length:,}", f"{game.env_steps:,}")
    console().print(table)
    echo(
        f"{len(games):,} training games are kept, numbers {games[0].number:,} to {games[-1].number:,}: "
        f"rlvision replay {quote(str(run))} --episode=best --video=best.mp4"
    )
