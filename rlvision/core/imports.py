"""Code of a user's own, by import path: ``package.module:Name``."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module

from rlvision.core.errors import ConfigError


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
