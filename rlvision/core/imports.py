"""Imports by name: the public names of a room, and code of a user's own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from rlvision.core.errors import ConfigError


def public_names(room: str, names: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """Return ``__getattr__`` and ``__all__`` of a room, whose names are imported when they are first used (PEP 562).

    So importing a room costs nothing: a help screen reads the settings of every room without importing torch.

    Args:
        room: its ``__name__``.
        names: the public names, by the module of the room that holds them.
    """
    module_of = {name: f"{room}.{module}" for module, held in names.items() for name in held}

    def getattribute(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {room!r} has no public name {name!r}: it has {', '.join(sorted(module_of))}")
        return getattr(import_module(module_of[name]), name)

    return getattribute, sorted(module_of)


def import_object(path: str, setting: str) -> object:
    """Import ``package.module:Name``.

    Args:
        path: where it is.
        setting: what names it, for the error message, such as ``agent.name``.

    Raises:
        ConfigError: the module cannot be imported, or has no such name.
    """
    module_name, _, attribute = path.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:  # its code runs, and raises whatever it does
        raise ConfigError(
            f"expected {setting} {path!r} to be importable, got {type(error).__name__} ({error}): "
            "install it or run where Python finds its module"
        ) from error
    if not hasattr(module, attribute):
        raise ConfigError(
            f"expected a class {attribute!r} in {module_name!r}, got none: check the name after the colon"
        )
    return getattr(module, attribute)


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the remedy for a name that does not exist: the nearest one that does, or else ``otherwise``."""
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise
