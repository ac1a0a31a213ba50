"""Command-line arguments: what stands alone, and ``--name=value`` or ``--name value``.

A yes-or-no option is a switch: alone it is true. The grammar is as small as that, so every argument means the same
wherever it stands, and every mistake is one line. The last of several values of an option counts, so that scripts can
append to their arguments.
"""

import inspect
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args, get_origin, get_type_hints

from rlvision.config.field_types import parse
from rlvision.config.fields import Setting, checked, unknown
from rlvision.core.errors import ConfigError

YES_OR_NO = ("true", "false")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments sorted, not yet understood."""

    positional: tuple[str, ...]
    options: Mapping[str, str | None]  # "--env-steps" -> "1000", names as `option` spells them; None: without a value


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a command takes."""

    positional: tuple[Setting, ...]
    options: Mapping[str, Setting]


def sort_arguments(arguments: Sequence[str], switches: Collection[str] = ()) -> Arguments:
    """Tell options from what stands alone.

    Args:
        arguments: As they were given.
        switches: Options, as `option` spells them, whose value may only be true or false, and may be left out.

    Raises:
        ConfigError: an option with a single dash.
    """
    positional: list[str] = []
    options: dict[str, str | None] = {}
    rest = deque(arguments)
    while rest:
        argument = rest.popleft()
        if not argument.startswith("-"):
            positional.append(argument)
            continue
        name, equals, value = argument.partition("=")
        if not name.startswith("--") or name == "--":
            raise ConfigError(f"expected --name=value, got {argument}: write it with two dashes and a name")
        follows = bool(rest) and (rest[0].lower() in YES_OR_NO if option(name) in switches else rest[0][:2] != "--")
        options[option(name)] = value if equals else rest.popleft() if follows else None
    return Arguments(tuple(positional), options)


def option(name: str) -> str:
    """A name as the command line spells it: ``agent.n_step`` is ``--agent.n-step``."""
    return "--" + name.removeprefix("--").replace("_", "-")


def switches_of(settings: Mapping[str, Setting]) -> set[str]:
    """Which of these settings, by dotted name, are yes-or-no options, as `option` spells them."""
    return {option(name) for name, setting in settings.items() if setting.hint is bool}


def option_values(options: Mapping[str, str | None], settings: Mapping[str, Setting], command: str) -> dict[str, Any]:
    """Checked values by dotted name.

    Args:
        options: As `sort_arguments` gives them.
        settings: What there is to set, by dotted name.
        command: The command they were given to, such as "rlvision train".

    Raises:
        ConfigError: an unknown option, one that needs a value and has none, or a value that it does not take.
    """
    known = {option(name): name for name in settings}
    for given in options:
        if given not in known:
            raise unknown(f"an option of {command}", given, known, f"{command} --help lists them")
    return {known[given]: _value(settings[known[given]], text, given) for given, text in options.items()}


def parameters(command: Callable[..., Any]) -> Parameters:
    """What a command takes: its positional-only parameters stand alone, its keyword-only ones are options."""
    hints = get_type_hints(command, include_extras=True)
    taken = inspect.signature(command).parameters.values()
    settings = [(taker, Setting(taker.name, hints[taker.name], taker.default)) for taker in taken]
    return Parameters(
        tuple(setting for taker, setting in settings if taker.kind is taker.POSITIONAL_ONLY),
        {setting.name: setting for taker, setting in settings if taker.kind is taker.KEYWORD_ONLY},
    )


def call(command: Callable[..., None], arguments: Sequence[str], name: str) -> None:
    """Run a command with its arguments.

    Args:
        command: The function; see `parameters`.
        arguments: What followed its name on the command line.
        name: As the user calls it, such as "rlvision watch".

    Raises:
        ConfigError: the command does not take the arguments.
    """
    takes = parameters(command)
    given = sort_arguments(arguments, switches_of(takes.options))
    values = _standing_alone(takes.positional, given.positional, name)
    command(*values, **option_values(given.options, takes.options, name))


def _standing_alone(takes: Sequence[Setting], given: Sequence[str], name: str) -> list[Any]:
    """The values of what was given without a name; a last parameter that is a tuple takes the rest, one or more."""
    several = bool(takes) and get_origin(takes[-1].hint) is tuple
    if len(given) < len(takes) or (len(given) > len(takes) and not several):
        expected = " ".join(setting.name.upper() for setting in takes) + " ..." * several or "nothing"
        got = " ".join(given) or "nothing"
        raise ConfigError(f"expected {expected} after {name}, got {got}: {name} --help explains it")
    if not several:
        return [_read(setting, text, setting.name.upper()) for setting, text in zip(takes, given, strict=True)]
    *single, last = takes
    one = replace(last, hint=get_args(last.hint)[0])
    rest = tuple(_read(one, text, last.name.upper()) for text in given[len(single) :])
    return [*_standing_alone(single, given[: len(single)], name), rest]


def _read(setting: Setting, text: str, shown_as: str) -> Any:
    return checked(setting, parse(text, setting.hint), shown_as)


def _value(setting: Setting, text: str | None, given: str) -> Any:
    if text is None and setting.hint is not bool:
        raise ConfigError(f"expected --name=value, got {given} alone: write {given}=VALUE")
    return _read(setting, "true" if text is None else text, given)
