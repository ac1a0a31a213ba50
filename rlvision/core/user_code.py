"""The user's own code: modules that she wrote, imported by name, and Python objects of the program that runs.

::

    object                                       its name in the settings
    a class of the module mine                   mine:World
    a class of the program train.py              train:World
    a class in a notebook, a lambda, an object   object:World-5f3a91, which this process alone knows

A name with a module works in every process. The others are kept in a table, under a name that the same program finds
again (`rlvision.core.object_names`). A world that was edited is another one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from rlvision.core.errors import ConfigError, RLVisionError, how_to_find

MAIN = "__main__"
PROGRAM = (MAIN, "__mp_main__")
"""Names of the program that runs, in its own process and in its workers."""
HERE = "object"
"""Stands where the module would, in the name of an object that only this process has."""
_objects: dict[str, object] = {}
_importing: list[str] = []
"""Modules of the user's that are being imported, outermost first."""


def is_here(name: str) -> bool:
    """Return whether a name is that of an object that only one process has."""
    return name.startswith(f"{HERE}:")


def keep_object(name: str, found: object) -> str:
    """Keep an object of this process under a name, which is returned; a later one takes its place."""
    _objects[name] = found
    return name


def kept_name(found: object) -> str | None:
    """Return the name under which an object is kept; None if it is not."""
    return next((name for name, kept in _objects.items() if kept is found), None)


def kept_object(name: str, setting: str) -> Any:
    """Return the object of this process that has a name.

    Raises:
        ConfigError: this process has none.
    """
    if name not in _objects:
        raise ConfigError(
            f"expected the Python object {setting}={name} of the program that trained, got a program without it: hand "
            "it over, as in rlvision.load(run, env=World), or run that program"
        )
    return _objects[name]


def import_object(path: str, setting: str) -> Any:
    """Return the object ``package.module:Name``, or one that this process keeps under that name.

    Args:
        path: import path of the object.
        setting: the setting that holds the path, for the error message, such as ``agent.name``.

    Raises:
        ConfigError: the module cannot be imported, or has no such name.
    """
    if is_here(path) or path in _objects:
        return kept_object(path, setting)
    module_name, _, attribute = path.partition(":")
    try:
        module = import_user_module(module_name)
    except RLVisionError:  # says itself what to do
        raise
    except Exception as error:  # the user's module may raise anything
        raise ConfigError(
            f"expected {setting} {path!r} to be importable, got {type(error).__name__} ({error}): "
            f"{how_to_find(module_name, error)}"
        ) from error
    found = find_attribute(module, attribute)
    if found is None:
        raise ConfigError(
            f"expected a class {attribute!r} in {module_name!r}, got none: check the name after the colon"
        )
    return found


def import_user_module(name: str) -> ModuleType:
    """Import a module of the user's; the program that runs is not run again under its own name.

    Raises:
        Exception: whatever the module raises.
    """
    if name == _program_name() and name not in sys.modules:
        return sys.modules[MAIN]
    with _noted(name):
        return import_module(name)


def find_attribute(module: ModuleType, path: str) -> Any:
    """Return the object of a module at a dotted path, or None."""
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def home_of(module: str) -> str | None:
    """Return the name by which another process imports a module; None for a program without a file of its own."""
    return _program_name() if module in PROGRAM else module


def _program_name() -> str | None:
    path = getattr(sys.modules[MAIN], "__file__", None)
    if path is None or not Path(path).stem.isidentifier() or Path(path).stem == MAIN:
        return None
    spec = getattr(sys.modules[MAIN], "__spec__", None)
    return spec.name if spec is not None else Path(path).stem


def refuse_while_imported(what: str) -> None:
    """Refuse work that a program does while it is only imported, for its classes.

    Args:
        what: the work, such as "trains".

    Raises:
        ConfigError: a module of the user's is being imported.
    """
    if _importing:
        raise ConfigError(
            f"expected a module to import, got {_importing[0]}, which {what} while it is imported: put what the "
            "program runs under if __name__ == '__main__':"
        )


@contextmanager
def _noted(name: str) -> Iterator[None]:
    _importing.append(name)
    try:
        yield
    finally:
        _importing.pop()
