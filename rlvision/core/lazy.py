"""Public names of a room, imported when they are first used, so that importing a room costs nothing.

A help screen reads the settings of every room and must not import torch on the way.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def public_names(room: str, names: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """Return ``__getattr__`` and ``__all__`` of a room (PEP 562).

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
