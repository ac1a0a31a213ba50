"""What a type hint says of the values it takes: in words, as a placeholder, and as a check.

Hints are those of `rlvision.config.schema`: bool, int, float, str, Path, literals, tuples and mappings, with the
limits of `annotated_types` and with ``| None``.
"""

import json
import os
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen

from rlvision.config.strict_yaml import parse as parse_yaml
from rlvision.core.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

NONE_WORDS = ("none", "None", "null")
_WORDS: dict[Any, str] = {
    NoneType: "none",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    dict: "a mapping of plain values such as {key: value}",
}
_PLACEHOLDERS: dict[Any, str] = {
    NoneType: "none",
    bool: "{true,false}",
    int: "INT",
    float: "FLOAT",
    str: "TEXT",
    Path: "PATH",
    dict: "YAML",
}

MAX_INT = 10**15
"""Of whole numbers: beyond, libraries fail without a word of ours, and nothing that is counted comes to as much."""


def describe_type(hint: Any) -> str:
    """The values a hint takes, as an error message names them: "a whole number above 0 or none"."""
    return " or ".join(_words_of_one(member) for member in _members(hint))


def placeholder(hint: Any) -> str:
    """The values a hint takes, as a help screen names them: ``INT|none``."""
    return "|".join(_placeholder_of_one(member) for member in _members(hint))


def is_plain(hint: Any) -> bool:
    """Whether a hint is one that this module speaks of."""
    return _kinds(hint) <= {*_WORDS, Literal, tuple}


def parse(text: str, hint: Any) -> Any:
    """What a command-line text means where ``hint`` is expected; text that means nothing stays text.

    Text, literals and paths are taken as they stand; lists are ``1,2,3`` or ``[1, 2, 3]``; all else is YAML.
    """
    kinds = _kinds(hint)
    is_word = text in NONE_WORDS or any(text in choices(member) for member in _members(hint))
    if is_word or kinds <= {Literal, NoneType} or not kinds.isdisjoint({str, Path}):
        return text
    if tuple in kinds and not text.startswith(("[", "(")):
        return [parse(part.strip(), _element(hint)) for part in text.split(",") if part.strip()]
    return _yaml_value(f"[{text[1:-1]}]" if tuple in kinds else text)


def format_value(value: Any) -> str:
    """How a value is written on the command line, so that `parse` reads it back."""
    if isinstance(value, tuple):
        return ",".join(format_value(element) for element in value)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def choices(hint: Any) -> tuple[str, ...]:
    """The words of a literal; none for other hints."""
    return get_args(_bare(hint)) if _kind(hint) is Literal else ()


def check(name: str, value: Any, hint: Any, remedy: str) -> Any:
    """The value as the program will hold it: a list becomes a tuple, 1e6 a whole number, "none" None.

    Args:
        name: What the value is for, for the error message.
        value: The value to check.
        hint: The type it must have, strictly: True is not a number, "1" is not 1.
        remedy: The last part of the error message.

    Raises:
        ConfigError: where the hint does not take the value.
    """
    from pydantic import ValidationError

    try:
        checked = _adapter(hint).validate_python(_plain(value, hint))
        json.dumps(checked, ensure_ascii=False, default=str).encode()  # what no file can hold is no setting
    except (ValidationError, UnicodeError, RecursionError):
        raise ConfigError(f"expected {name} to be {describe_type(hint)}, got {short_repr(value)}: {remedy}") from None
    if isinstance(checked, int) and checked > MAX_INT:
        raise ConfigError(f"expected {name} to be at most {MAX_INT:,}, got {short_repr(value)}: {remedy}")
    return checked


def short_repr(value: Any) -> str:
    """A value in one line of bounded length."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _kind(hint: Any) -> Any:
    return get_origin(_bare(hint)) or _bare(hint)


def _kinds(hint: Any) -> set[Any]:
    return {_kind(member) for member in _members(hint)}


def _element(hint: Any) -> Any:
    """The hint of a tuple's first element; all of them have the same."""
    return next(get_args(_bare(member))[0] for member in _members(hint) if _kind(member) is tuple)


def _words_of_one(hint: Any) -> str:
    arguments = get_args(_bare(hint))
    if _kind(hint) is Literal:
        return f"one of {', '.join(arguments)}"
    if _kind(hint) is tuple:
        number = "a list" if arguments[-1] is Ellipsis else f"{len(arguments)} values"
        return f"{number} (each {describe_type(arguments[0])})"
    return " ".join([_WORDS[_kind(hint)], *_limits(hint)])


def _limits(hint: Any) -> list[str]:
    limits = [_limit(limit) for limit in get_args(hint)[1:]] if get_origin(hint) is Annotated else []
    return [" and ".join(limits)] if limits else []


def _limit(limit: Any) -> str:
    match limit:
        case Gt(gt=bound):
            return f"above {bound}"
        case Ge(ge=bound):
            return f"of at least {bound}"
        case Lt(lt=bound):
            return f"below {bound}"
        case Le(le=bound):
            return f"at most {bound}"
        case MinLen():
            return "that is not empty"
    raise TypeError(f"expected a limit of annotated_types that has words, got {limit!r}: add its words here")


def _placeholder_of_one(hint: Any) -> str:
    arguments = get_args(_bare(hint))
    if _kind(hint) is Literal:
        return f"{{{','.join(arguments)}}}"
    if _kind(hint) is tuple:
        return ",".join("..." if element is Ellipsis else placeholder(element) for element in arguments)
    return _PLACEHOLDERS[_kind(hint)]


def _yaml_value(text: str) -> Any:
    try:
        return parse_yaml(text, "a value")
    except ConfigError:
        return text


def _plain(value: Any, hint: Any) -> Any:
    """Take the liberties a reader would: see `check`."""
    kinds = _kinds(hint)
    if isinstance(value, str):
        return _plain_text(value, kinds)
    if isinstance(value, os.PathLike) and str in kinds:
        return os.fspath(value)
    if isinstance(value, list) and tuple in kinds:
        return tuple(value)
    if isinstance(value, float) and value.is_integer() and int in kinds:
        return int(value)
    return value


def _plain_text(text: str, kinds: set[Any]) -> Any:
    if NoneType in kinds and text in NONE_WORDS:
        return None
    return Path(text) if Path in kinds else text


@cache
def _adapter(hint: Any) -> "TypeAdapter[Any]":
    """Pydantic, strictly; imported here because it costs more than all else on the way to a help screen."""
    from pydantic import ConfigDict, JsonValue, TypeAdapter

    plain = dict[str, JsonValue] if _kind(hint) is dict else hint
    return TypeAdapter(plain, config=ConfigDict(strict=True, allow_inf_nan=False))
