"""Command-line arguments: positional ones, and options as ``--name=value`` or ``--name value``.

A boolean option without a value is true. An argument means the same in any position, and every error is one line. If
an option is given several times, the last value counts, so that scripts can append options.
"""

import inspect
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args, get_origin, get_type_hints

from rlvision.config.field_types import parse, placeholder
from rlvision.config.fields import NO_SETTINGS, Setting, checked, unknown
from rlvision.config.foreign_names import advise, translate
from rlvision.core.errors import ConfigError

YES_OR_NO = ("true", "false")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments split into positional ones and options, as text."""

    positional: tuple[str, ...]
    options: Mapping[str, str | None]  # "--env-steps" -> "1000", names as `option` spells them; None without a value


@dataclass(frozen=True, slots=True)
class Parameters:
    """The arguments that a command accepts."""

    positional: tuple[Setting, ...]
    options: Mapping[str, Setting]


def sort_arguments(arguments: Sequence[str], switches: Collection[str] = (), known: Collection[str] = ()) -> Arguments:
    """Separate options from positional arguments.

    Args:
        arguments: From the command line.
        switches: Boolean options, as `option` spells them; their value may be left out.
        known: Names of all options, for the error message.

    Raises:
        ConfigError: An option starts with a single dash.
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
            got = " ".join(argument.split())
            raise ConfigError(f"expected --name=value, got {got}: write {_long_name(name, known)}")
        follows = bool(rest) and (rest[0].lower() in YES_OR_NO if option(name) in switches else rest[0][:2] != "--")
        options[option(name)] = value if equals else rest.popleft() if follows else None
    return Arguments(tuple(positional), options)


def _long_name(short: str, known: Collection[str]) -> str:
    ours = translate(short, known)
    return f"{option(ours.name)}=VALUE" if ours else "it with two dashes and a name"


def option(name: str) -> str:
    """Return a name as the command line spells it: ``agent.n_step`` becomes ``--agent.n-step``."""
    return "--" + name.removeprefix("--").replace("_", "-")


def switches_of(settings: Mapping[str, Setting]) -> set[str]:
    """Return the boolean settings among those given by dotted name, as `option` spells them."""
    return {option(name) for name, setting in settings.items() if setting.hint is bool}


def option_values(
    options: Mapping[str, str | None],
    settings: Mapping[str, Setting],
    command: str,
    others: Mapping[str, Setting] = NO_SETTINGS,
) -> dict[str, Any]:
    """Return the checked values of options by dotted name.

    Args:
        options: From `sort_arguments`.
        settings: The settings that exist, by dotted name.
        command: For error messages, such as "rlvision train".
        others: Settings that may be given as well; they are proposed where none of ``settings`` is meant.

    Raises:
        ConfigError: An option is unknown, has no value, or has a value of the wrong type.
    """
    accepted = {option(name): (name, setting) for name, setting in {**others, **settings}.items()}
    if strange := {given: value for given, value in options.items() if given not in accepted}:
        raise _unknown_options(strange, [option(name) for name in settings], [*accepted], command)
    found = {given: (*accepted[given], text) for given, text in options.items()}
    return {name: _option_value(setting, text, given) for given, (name, setting, text) in found.items()}


def _unknown_options(
    given: Mapping[str, str | None], known: Collection[str], accepted: Collection[str], command: str
) -> ConfigError:
    """Return the error for unknown options; it answers all that are another library's."""
    first = next(iter(given))
    if advice := advise(given, known):
        return ConfigError(f"expected an option of {command}, got {first!r}: {advice}")
    proposed = known if translate(first, known) else accepted
    return unknown(f"an option of {command}", first, proposed, f"{command} --help lists them")


def parameters(command: Callable[..., Any]) -> Parameters:
    """Return a command's arguments: positional-only parameters are positional, keyword-only ones are options."""
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command).parameters.values()
    settings = [(each, Setting(each.name, hints[each.name], each.default)) for each in signature]
    return Parameters(
        tuple(setting for each, setting in settings if each.kind is each.POSITIONAL_ONLY),
        {setting.name: setting for each, setting in settings if each.kind is each.KEYWORD_ONLY},
    )


def call(command: Callable[..., None], arguments: Sequence[str], name: str) -> None:
    """Run a command with arguments from the command line.

    Args:
        command: The function; see `parameters`.
        arguments: Everything after its name on the command line.
        name: As the user calls it, such as "rlvision watch".

    Raises:
        ConfigError: The command does not accept the arguments.
    """
    accepted = parameters(command)
    given = sort_arguments(arguments, switches_of(accepted.options), accepted.options)
    values = _positional_values(accepted.positional, given.positional, name)
    command(*values, **option_values(given.options, accepted.options, name))


def _positional_values(accepted: Sequence[Setting], given: Sequence[str], name: str) -> list[Any]:
    """Return the checked positional values; a last parameter that is a tuple takes all the rest, at least one."""
    several = bool(accepted) and get_origin(accepted[-1].hint) is tuple
    if len(given) < len(accepted) or (len(given) > len(accepted) and not several):
        expected = " ".join(setting.name.upper() for setting in accepted) + " ..." * several or "nothing"
        got = " ".join(given) or "nothing"
        raise ConfigError(f"expected {expected} after {name}, got {got}: {name} --help explains it")
    if not several:
        return [
            _parse_value(setting, text, setting.name.upper()) for setting, text in zip(accepted, given, strict=True)
        ]
    *single, last = accepted
    one = replace(last, hint=get_args(last.hint)[0])
    rest = tuple(_parse_value(one, text, last.name.upper()) for text in given[len(single) :])
    return [*_positional_values(single, given[: len(single)], name), rest]


def _parse_value(setting: Setting, text: str, shown_as: str) -> Any:
    return checked(setting, parse(text, setting.hint), shown_as)


def _option_value(setting: Setting, text: str | None, given: str) -> Any:
    if text is None and setting.hint is not bool:
        value = placeholder(setting.hint).removesuffix("|none")
        raise ConfigError(f"expected --name=value, got {given} alone: write {given}={value}")
    return _parse_value(setting, "true" if text is None else text, given)
