"""Types of settings: their descriptions, their placeholders, and checks of their values.

The types are those of `rlvision.config.schema`: bool, int, float, str, Path, literals, tuples and mappings. They may
have limits of `annotated_types`, and ``| None``.
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
_DESCRIPTIONS: dict[Any, str] = {
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
"""Largest whole number of a setting. Beyond it libraries fail with unclear errors, and no count comes close to it."""


def describe_type(hint: Any) -> str:
    """Describe the values of a type for an error message: "a whole number above 0 or none"."""
    return " or ".join(_describe_member(member) for member in _members(hint))


def placeholder(hint: Any) -> str:
    """Return the placeholder of a type for a help screen: ``INT|none``."""
    return "|".join(_member_placeholder(member) for member in _members(hint))


def is_plain(hint: Any) -> bool:
    """Return whether this module supports a type."""
    return _kinds(hint) <= {*_DESCRIPTIONS, Literal, tuple}


def parse(text: str, hint: Any) -> Any:
    """Parse command-line text as a value of the type ``hint``; return it unchanged if it cannot be parsed.

    Text, literals and paths are taken literally. Lists are ``1,2,3`` or ``[1, 2, 3]``. Everything else is YAML.
    """
    kinds = _kinds(hint)
    is_word = text in NONE_WORDS or any(text in choices(member) for member in _members(hint))
    if is_word or kinds <= {Literal, NoneType} or not kinds.isdisjoint({str, Path}):
        return text
    if tuple in kinds and not text.startswith(("[", "(")):
        return [parse(part.strip(), _element(hint)) for part in text.split(",") if part.strip()]
    return _yaml_value(f"[{text[1:-1]}]" if tuple in kinds else text)


def format_value(value: Any) -> str:
    """Return a value as the command line spells it, so that `parse` reads it back."""
    if isinstance(value, tuple):
        return ",".join(format_value(element) for element in value)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def choices(hint: Any) -> tuple[str, ...]:
    """Return the values of a literal; an empty tuple for other types."""
    return get_args(_bare(hint)) if _kind(hint) is Literal else ()


def check(name: str, value: Any, hint: Any, remedy: str) -> Any:
    """Check a value and return it converted: a list becomes a tuple, 1e6 a whole number, "none" None.

    Args:
        name: Name of the value, for the error message.
        value: The value to check.
        hint: The type that it must have, strictly: True is not a number, "1" is not 1.
        remedy: The last part of the error message.

    Raises:
        ConfigError: The value does not have this type.
    """
    from pydantic import ValidationError

    try:
        checked = _adapter(hint).validate_python(_convert(value, hint))
        json.dumps(checked, ensure_ascii=False, default=str).encode()  # a setting must fit into a UTF-8 file
    except (ValidationError, UnicodeError, RecursionError):
        raise ConfigError(f"expected {name} to be {describe_type(hint)}, got {short_repr(value)}: {remedy}") from None
    if isinstance(checked, int) and checked > MAX_INT:
        raise ConfigError(f"expected {name} to be at most {MAX_INT:,}, got {short_repr(value)}: {remedy}")
    return checked


def short_repr(value: Any) -> str:
    """Return the repr of a value in one line of at most 80 characters."""
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
    """Return the type of a tuple's elements, which all have the same."""
    return next(get_args(_bare(member))[0] for member in _members(hint) if _kind(member) is tuple)


def _describe_member(hint: Any) -> str:
    arguments = get_args(_bare(hint))
    if _kind(hint) is Literal:
        return f"one of {', '.join(arguments)}"
    if _kind(hint) is tuple:
        number = "a list" if arguments[-1] is Ellipsis else f"{len(arguments)} values"
        return f"{number} (each {describe_type(arguments[0])})"
    return " ".join([_DESCRIPTIONS[_kind(hint)], *_limits(hint)])


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
    raise TypeError(f"expected a limit of annotated_types with a description, got {limit!r}: add one to _limit")


def _member_placeholder(hint: Any) -> str:
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


def _convert(value: Any, hint: Any) -> Any:
    """Convert a value where its meaning is clear; see `check`."""
    kinds = _kinds(hint)
    if isinstance(value, str):
        return _convert_text(value, kinds)
    if isinstance(value, os.PathLike) and str in kinds:
        return os.fspath(value)
    if isinstance(value, list) and tuple in kinds:
        return tuple(value)
    if isinstance(value, float) and value.is_integer() and int in kinds:
        return int(value)
    return value


def _convert_text(text: str, kinds: set[Any]) -> Any:
    if NoneType in kinds and text in NONE_WORDS:
        return None
    return Path(text) if Path in kinds else text


@cache
def _adapter(hint: Any) -> "TypeAdapter[Any]":
    """Return a strict Pydantic adapter; imported here because Pydantic is the slowest import of a help screen."""
    from pydantic import ConfigDict, JsonValue, TypeAdapter

    plain = dict[str, JsonValue] if _kind(hint) is dict else hint
    return TypeAdapter(plain, config=ConfigDict(strict=True, allow_inf_nan=False))
