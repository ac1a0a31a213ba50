"""The command line: ``rlvision train pong --agent.epochs=3``.

Each command imports the code that it runs, so that help screens appear at once.
"""

import faulthandler
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rlvision.cli.check_command import check, check_with
from rlvision.cli.output import echo
from rlvision.cli.run_commands import evaluate, export, replay, resume, train, watch
from rlvision.cli.study_commands import compare, networks, plot, presets, sweep
from rlvision.config.arguments import call, option_values, parameters, sort_arguments, switches_of
from rlvision.config.continuing import AUTO
from rlvision.config.fields import settings_of, unknown
from rlvision.config.loading import load_config, settings_for
from rlvision.config.other_agents import settings_of_others
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError, MissingExtraError, RLVisionError
from rlvision.core.signals import interruption
from rlvision.core.wording import in_shell
from rlvision.runs.reservation import reserved

ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit statuses
HELP = ("--help", "-h")
COMMANDS: Mapping[str, Callable[..., None]] = {
    "check": check,
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
    "networks": networks,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Everything after the program's name; by default, those of this process.

    Returns:
        The exit status: 0; 2 after an error that the user can fix; 130 after Ctrl-C; 141 if the reader of the output
        closed the pipe.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # so that package.module:Class may name the user's code; last, to hide nothing
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)  # a world that crashes the interpreter leaves the line where it did
    try:
        with in_shell(), _report_missing_package():
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
        RLVisionError: There is an error that the user can fix.
    """
    name, *rest = arguments or HELP
    if name == "--version":
        _show_version()
    elif name not in (*HELP, *COMMANDS):
        raise unknown(f"a command ({', '.join(COMMANDS)})", name, COMMANDS, "rlvision --help describes them")
    elif name in HELP or any(argument in HELP for argument in rest):
        _show_help(name, [argument for argument in rest if argument not in HELP])
    elif name == "train":
        _train(rest)
    elif name == "check":
        _check(rest)
    else:
        call(COMMANDS[name], rest, f"rlvision {name}")


def _check(arguments: Sequence[str]) -> None:
    """Check a world, perhaps with settings of the world and the network."""
    own, all_settings = parameters(check).options, settings_of(settings_for(*_preset_and_agent(arguments)))
    settings = {name: each for name, each in all_settings.items() if name.startswith(("env.", "network."))}
    known = {**settings, **own}
    given = sort_arguments(arguments, switches_of(known), known)
    values = option_values(given.options, known, "rlvision check")
    if len(given.positional) != 1:
        got = " ".join(given.positional) or "nothing"
        raise ConfigError(f"expected one WORLD after rlvision check, got {got}: rlvision check --help explains it")
    of_world = {name: values.pop(name) for name in settings if name in values}
    check_with(of_world, given.positional[0], **values)


def _train(arguments: Sequence[str]) -> None:
    """Train with a preset and the settings that differ from it."""
    settings, others = settings_of(settings_for(*_preset_and_agent(arguments))), settings_of_others()
    given = sort_arguments(arguments, switches_of({**others, **settings}), settings)
    values = option_values(given.options, settings, "rlvision train", others)
    if len(given.positional) != 1:
        got = " ".join(given.positional) or "nothing"
        raise ConfigError(f"expected one PRESET after rlvision train, got {got}: rlvision presets lists them")
    load = partial(load_config, given.positional[0], values)
    with interruption(), reserved(load, is_auto=values.get("out") == AUTO) as config:  # signals count from here on
        if config.env_steps != settings["env_steps"].default and "env_steps" not in values:
            echo(f"env_steps stays {config.env_steps:,}, as in {config.out}: --env-steps chooses another length")
        train(config)


def _preset_and_agent(arguments: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the preset and the agent that a ``train`` command names; the settings depend on them."""
    settings = settings_of(Config())
    given = sort_arguments(arguments, switches_of(settings), settings)
    return next(iter(given.positional), None), given.options.get("--agent.name")


def _show_help(name: str, arguments: Sequence[str]) -> None:
    """Print the commands, or the options of one command; those of ``train`` show the preset's values as defaults."""
    from rlvision.cli.help import show_options, show_overview, show_settings

    if name in HELP:
        show_overview(COMMANDS)
    elif name == "train":
        show_settings(*_preset_and_agent(arguments))
    else:
        show_options(COMMANDS[name], f"rlvision {name}")


def _show_version() -> None:
    from importlib.metadata import version

    print("rlvision", version("rlvision"))


@contextmanager
def _report_missing_package() -> Iterator[None]:
    """Raise an error that names the package of rlvision that a command needs and this installation lacks."""
    try:
        yield
    except ModuleNotFoundError as error:
        package, *inside = (error.name or "").split(".")
        if package != "rlvision":
            raise
        raise MissingExtraError(
            f"expected the package {'.'.join([package, *inside[:1]])}, got an installation without it: "
            "install all of rlvision to use this command"
        ) from error
