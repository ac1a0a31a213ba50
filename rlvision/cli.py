"""The command line: ``rlvision train pong --agent.double=false``.

Nothing heavy is imported on the way to a help screen: every command imports what it runs.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from rlvision.config import Config, Positive, Seed, Share, Text, Threads
from rlvision.errors import ConfigError, RLVisionError
from rlvision.interruption import interruption
from rlvision.settings.arguments import call, option_values, sort_arguments
from rlvision.settings.names import settings_of, unknown

Which = Literal["best", "last"]
ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit statuses
HELP = ("--help", "-h")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What follows the program's name; by default the process's own.

    Returns:
        The exit status: 0, or 2 after an error that the user can mend, 130 after Ctrl-C, 141 where the reader
        of our output has left.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # where package.module:Class of the user's own is looked for, last of all
    try:
        run([argument for argument in given if argument != "--debug"])
        sys.stdout.flush()
    except RLVisionError as error:
        if "--debug" in given:
            raise
        print("rlvision:", " ".join(str(error).split()), file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails again
        return BROKEN_PIPE
    return 0


def run(arguments: Sequence[str]) -> None:
    """Run the command that the first argument names.

    Raises:
        RLVisionError: the user can mend it.
    """
    name, *rest = arguments or HELP
    if name in HELP:
        show_commands()
    elif name == "--version":
        show_version()
    elif name == "train":
        train(rest)
    elif name not in COMMANDS:
        raise unknown(f"a command ({', '.join(COMMANDS)})", name, COMMANDS, "rlvision --help describes them")
    elif _asks_for_help(rest):
        show_command(name)
    else:
        call(COMMANDS[name], rest, f"rlvision {name}")


def train(arguments: Sequence[str], /) -> None:
    """Train an agent; the same command continues the run that is in its folder.

    Args:
        arguments: A preset and the settings that differ from it.
    """
    given = sort_arguments([argument for argument in arguments if argument not in HELP])
    if _asks_for_help(arguments):
        show_settings(*given.positional[:1])
        return
    if len(given.positional) != 1:
        got = " ".join(given.positional) or "nothing"
        raise ConfigError(f"expected one PRESET after rlvision train, got {got}: rlvision presets lists them")
    with interruption():  # while it imports and starts, too
        from rlvision.settings.store import load_config

        config = load_config(given.positional[0], option_values(given.options, settings_of(Config()), "rlvision train"))
        from rlvision import commands

        commands.train(config)


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
    epsilon: Share | None = None,
    seed: Seed = 0,
    checkpoint: Which = "best",
    device: Text = "auto",
) -> None:
    """Play whole games with a trained agent; report raw scores, mean, median and interval.

    Args:
        run: Run folder, such as runs/pong-seed1.
        games: Whole games to play.
        json: File for the scores, mean, median and interval.
        epsilon: Probability of a random action; unset, as the run's own evaluations.
        seed: Of the games and the random actions.
        checkpoint: The best by evaluation, where there was one, or the last.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
    """
    from rlvision import commands

    commands.evaluate(run, games=games, epsilon=epsilon, seed=seed, checkpoint=checkpoint, device=device, json=json)


def watch(
    run: Path,
    /,
    *,
    video: Path | None = None,
    terminal: bool = False,
    html: Path | None = None,
    episodes: Positive = 1,
    max_steps: Positive | None = None,
    seed: Seed = 0,
    epsilon: Share | None = None,
    checkpoint: Which = "best",
    device: Text = "auto",
) -> None:
    """Watch a trained agent play, in the game's own colours: in a window, a terminal, a video or a page.

    Args:
        run: Run folder, such as runs/pong-seed1.
        video: File to write, such as pong.mp4; without this and the next two, a window opens.
        terminal: Draw in this terminal, over ssh too. Keys: space, s, + and -, n, o, q.
        html: Page to write, such as pong.html: it opens from disk, with slider, Q-values and saliency.
        episodes: Whole games to show.
        max_steps: Most decisions to show of each game; unset, all.
        seed: Of the games and the random actions.
        epsilon: Probability of a random action; unset, as the run's own evaluations.
        checkpoint: The best by evaluation, where there was one, or the last.
        device: cpu, cuda, cuda:1, mps; auto takes the GPU when there is one.
    """
    from rlvision import commands

    commands.watch(
        run,
        video=video,
        terminal=terminal,
        html=html,
        episodes=episodes,
        max_steps=max_steps,
        seed=seed,
        epsilon=epsilon,
        checkpoint=checkpoint,
        device=device,
    )


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


COMMANDS: Mapping[str, Callable[..., None]] = {
    "train": train,
    "resume": resume,
    "evaluate": evaluate,
    "watch": watch,
    "replay": replay,
    "sweep": sweep,
    "presets": presets,
}


def show_commands() -> None:
    """Print what ``rlvision --help`` shows."""
    from rlvision.settings.overview import show_overview

    show_overview(COMMANDS)


def show_command(name: str) -> None:
    """Print what ``rlvision COMMAND --help`` shows."""
    from rlvision.settings.helptext import show_help

    show_help(COMMANDS[name], f"rlvision {name}")


def show_settings(preset: str | None = None) -> None:
    """Print what ``rlvision train [PRESET] --help`` shows: all settings, with the preset's defaults."""
    from rlvision.settings.helptext import show_train

    show_train(preset)


def show_version() -> None:
    """Print what ``rlvision --version`` shows."""
    from importlib.metadata import version

    print("rlvision", version("rlvision"))


def _asks_for_help(arguments: Sequence[str]) -> bool:
    return any(argument in HELP for argument in arguments)
