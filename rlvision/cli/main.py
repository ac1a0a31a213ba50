"""The command line: ``rlvision train pong --agent.double=false``.

Nothing heavy is imported on the way to a help screen: every command imports what it runs.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rlvision.cli.one_run import evaluate, export, replay, resume, watch
from rlvision.cli.study_commands import compare, plot, presets, sweep
from rlvision.config.arguments import call, option_values, sort_arguments, switches_of
from rlvision.config.fields import settings_of, unknown
from rlvision.config.loading import settings_for
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError, RLVisionError
from rlvision.core.signals import interruption

ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit statuses
HELP = ("--help", "-h")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What follows the program's name; by default the process's own.

    Returns:
        The exit status: 0, or 2 after an error that the user can mend, 130 after Ctrl-C, 141 where the reader
        of plain output such as the version has left.
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
    plain = [argument for argument in arguments if argument not in HELP]
    sorted_by_usual = sort_arguments(plain, switches_of(settings_of(Config())))
    preset, agent = next(iter(sorted_by_usual.positional), None), sorted_by_usual.options.get("--agent.name")
    if _asks_for_help(arguments):
        show_settings(preset, agent)
        return
    settings = settings_of(settings_for(preset, agent))
    given = sort_arguments(plain, switches_of(settings))
    if len(given.positional) != 1:
        got = " ".join(given.positional) or "nothing"
        raise ConfigError(f"expected one PRESET after rlvision train, got {got}: rlvision presets lists them")
    with interruption():  # while it imports and starts, too
        from rlvision.config.loading import load_config

        config = load_config(given.positional[0], option_values(given.options, settings, "rlvision train"))
        from rlvision.cli import run_commands as commands

        commands.train(config)


COMMANDS: Mapping[str, Callable[..., None]] = {
    "train": train,
    "resume": resume,
    "evaluate": evaluate,
    "watch": watch,
    "export": export,
    "replay": replay,
    "compare": compare,
    "plot": plot,
    "sweep": sweep,
    "presets": presets,
}


def show_commands() -> None:
    """Print what ``rlvision --help`` shows."""
    from rlvision.cli.help import show_overview

    show_overview(COMMANDS)


def show_command(name: str) -> None:
    """Print what ``rlvision COMMAND --help`` shows."""
    from rlvision.cli.help import show_help

    show_help(COMMANDS[name], f"rlvision {name}")


def show_settings(preset: str | None = None, agent: str | None = None) -> None:
    """Print what ``rlvision train [PRESET] --help`` shows: all settings, with the preset's defaults."""
    from rlvision.cli.help import show_train

    show_train(preset, agent)


def show_version() -> None:
    """Print what ``rlvision --version`` shows."""
    from importlib.metadata import version

    print("rlvision", version("rlvision"))


def _asks_for_help(arguments: Sequence[str]) -> bool:
    return any(argument in HELP for argument in arguments)
