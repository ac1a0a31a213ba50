"""Imports by name: the public names of a package, and classes that the user wrote."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from rlvision.core.errors import ConfigError


def public_names(package: str, names: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """Return ``__getattr__`` and ``__all__`` of a package that imports its public names at their first use (PEP 562).

    Importing the package itself is then cheap: a help screen reads the settings of every package without torch.

    Args:
        package: its ``__name__``.
        names: the public names, by the module that defines them.
    """
    module_of = {name: f"{package}.{module}" for module, held in names.items() for name in held}

    def getattribute(name: str) -> Any:
        if name not in module_of:
            known = ", ".join(sorted(module_of))
            raise AttributeError(f"module {package!r} has no public name {name!r}: it has {known}")
        return getattr(import_module(module_of[name]), name)

    return getattribute, sorted(module_of)


def import_object(path: str, setting: str) -> object:
    """Import and return the object ``package.module:Name``.

    Args:
        path: import path of the object.
        setting: the setting that holds the path, for the error message, such as ``agent.name``.

    Raises:
        ConfigError: the module cannot be imported, or has no such name.
    """
    module_name, _, attribute = path.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:  # the user's module may raise anything
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
    """Return the remedy for an unknown name: the nearest known name, or else ``otherwise``."""
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise
