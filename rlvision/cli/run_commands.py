"""Commands for one run: train, resume, evaluate, export, watch and replay.

The signature of a command defines its options, and its docstring is their help. The bodies import the code that they
run, so that help screens appear at once.
"""

from dataclasses import replace
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
    """Train an agent, or continue the run in its folder.

    Args:
        config: A preset, with the settings that the command line changes.
    """
    from rlvision.runs import training

    training.train(config)
    if config.tracking.console:
        echo(next_commands(Path(str(config.out))))


def resume(run: Path, /, *, env_steps: PositiveInt | None = None, trust_imports: bool = False) -> None:
    """Continue a run where it stopped, with its own settings.

    Args:
        run: Run folder, such as runs/pong-seed1.
        env_steps: New length of the run in env steps; a larger one trains a finished run further.
        trust_imports: Allow imports of the environment, encoder or agent that the folder names by path. Runs its code.
    """
    with interruption():  # a signal during imports and start-up counts, too
        from rlvision.runs import training

        resumed = training.resume(run, env_steps=env_steps, trust_imports=trust_imports)
        if resumed.config.tracking.console:
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
    """Play whole games with a trained agent, and report the raw scores with mean, median and interval.

    Args:
        run: Run folder, export, or the name of a bundled agent (breakout, pong).
        games: Number of whole games. With one seed, the games of --games=2 are the first two of --games=30.
        json: JSON file to write, with the scores and the conditions of the games.
        protocol: Atari protocol, nature or machado; if unset, that of the run.
        epsilon: Probability of a random action; if unset, evaluation.epsilon of the run.
        greedy: Take no random actions, like --epsilon=0.
        seed: Seed of the games and the random actions.
        num_envs: Number of games to play in parallel. It changes only the time that they take.
        max_frames: Frames after which a game is cut; if unset, those of the run (evaluation.max_frames), and 10,000
            decisions in a world that declares no limit.
        max_idle_frames: Emulator frames without a reward that cut a game, or never; if unset, those of the run.
        checkpoint: Weights to use, best by evaluation or last. Without an evaluation, best means last.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        trust_imports: Allow imports of the environment, encoder or agent that the folder names by path. Runs its code.
    """
    if greedy and epsilon is not None:
        raise ConfigError(f"expected --greedy or --epsilon, got both (--epsilon={epsilon:g}): leave one out")
    from rlvision.runs.eval_protocol import make_limits, with_protocol
    from rlvision.runs.run import Run

    if json is not None:
        require_writable(json)
    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    limits = make_limits(with_protocol(agent.config, protocol), max_frames)
    report = agent.measure(
        games=games,
        protocol=protocol,
        epsilon=0.0 if greedy else epsilon,
        seed=seed,
        num_envs=num_envs,
        limits=replace(limits, max_idle_frames=_idle_frames(max_idle_frames, limits.max_idle_frames)),
    )
    console().print(report.table(f"{report.conditions.game}, weights after {agent.env_steps:,} env steps"))
    for line in report.advice:
        echo(line)
    if json is not None:
        write_json(json, {"run": str(run), "env_steps": agent.env_steps, **report.to_dict()})


def _idle_frames(given: int | str | None, default: int | None) -> int | None:
    """Return the value of ``--max-idle-frames``: a number, None for ``never``, or ``default`` if it is unset."""
    if given is None:
        return default
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
    """Write an agent to a folder to share: weights (safetensors), settings (JSON), a card with its score.

    Args:
        run: Run folder, such as runs/pong-seed1.
        out: New folder; if unset, exports/ and the name of the run folder.
        checkpoint: Weights to use, best by evaluation or last. Without an evaluation, best means last.
        games: Number of whole games that measure its score, under each protocol; 0 for no score.
        protocols: Atari protocols to measure under: nature, machado or nature,machado; if unset, that of the run.
        seed: Seed of these games.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        trust_imports: Allow imports of the environment, encoder or agent that the folder names by path. Runs its code.
    """
    from rlvision.runs.run import Run

    agent = Run(run, weights=checkpoint, device=device, trust_imports=trust_imports)
    default = Path("exports") / agent.folder.path.resolve().name
    folder = agent.export(out or default, games=games, protocols=protocols, seed=seed)
    echo(f"written to {folder}: its README.md shows {'its score and ' if games else ''}how to load it")
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
    """Watch a trained agent play: in a window, a terminal, the browser, a video or a saved page.

    Args:
        run: Run folder, export, or the name of a bundled agent (breakout, pong).
        video: Video to write, .mp4, .webm or .gif. Without --video, --terminal, --html or --web, a window opens.
        terminal: Draw in this terminal, also over ssh. Keys: space, s, + and -, n, o, q.
        html: Page to write, such as pong.html. It opens from disk, and has a slider, Q-values and saliency.
        web: Serve a page on this machine that also shows the layers of the network. It follows a run in training.
        port: Port of that page; 0 takes any free one; if unset, 8000.
        episodes: Number of whole games to show.
        max_steps: Maximum number of decisions to show of each game; if unset, all, or 10,000 in a world that declares
            no limit.
        seed: Seed of the games and the random actions.
        epsilon: Probability of a random action; if unset, evaluation.epsilon of the run.
        checkpoint: Weights to use, best by evaluation or last; if unset, best, and with --web the newest.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        trust_imports: Allow imports of the environment, encoder or agent that the folder names by path. Runs its code.
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
    echo_games(games, is_capped=max_steps is None)
    echo_files(output, len(games))


def _require_alone(web: bool, port: int | None, **others: object) -> None:
    """Refuse options that have no effect with ``--web``, and ``--port`` without it.

    Raises:
        ConfigError: The message names the option.
    """
    if port is not None and not web:
        raise ConfigError(f"expected --port with --web, got --port={port} alone: add --web")
    for name, is_given in others.items():
        if web and is_given:
            given = option(name)
            raise ConfigError(f"expected --web alone, got {given} too: leave {given} out, the page plays until Ctrl-C")


def _announce(address: str) -> None:
    tunnel = f"ssh -L {urlsplit(address).port}:{urlsplit(address).netloc} HOST"
    echo(f"{address}\nOpen this page to watch; from another machine, first run {tunnel}. Ctrl-C ends it.")


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
    """Watch a training game again in full colour, from its action log; without --episode, list some.

    Args:
        run: Run folder, such as runs/pong-seed1.
        episode: Game to show: best, worst, last, or its number.
        video: Video to write, .mp4, .webm or .gif. Without --video, --terminal or --html, a window opens.
        terminal: Draw in this terminal, also over ssh. Keys: space, s, + and -, o, q.
        html: Page to write, such as best.html. It opens from disk, and has a slider, Q-values and saliency.
        max_steps: Maximum number of decisions to show; if unset, all.
        checkpoint: Weights that give the Q-values, best by evaluation or last. Without an evaluation, best means last.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        trust_imports: Allow imports of the environment, encoder or agent that the folder names by path. Runs its code.
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
    """Print the best, the worst and the last game that a run folder keeps; this works without a checkpoint."""
    from rich.table import Table

    from rlvision.envs.game_archive import read_games
    from rlvision.runs.find import find_run
    from rlvision.watch.game_replay import choose_game

    games = read_games(find_run(run, trust_imports=True).games_folder)  # safe: listing games imports no code
    table = Table("episode", "game", "score", "decisions", "at env step", box=None, pad_edge=False)
    for which in ("best", "worst", "last"):
        game = choose_game(games, which)
        table.add_row(which, f"{game.number:,}", f"{game.score:,g}", f"{game.length:,}", f"{game.env_steps:,}")
    console().print(table)
    echo(
        f"{len(games):,} training games are kept, numbers {games[0].number:,} to {games[-1].number:,}: "
        f"rlvision replay {quote(str(run))} --episode=best --video=best.mp4"
    )
