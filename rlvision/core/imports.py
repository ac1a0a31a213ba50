"""The public names of a package, imported at their first use, and the remedy for a name that does not exist."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any


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


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the remedy for an unknown name: the nearest known name in any case, or else ``otherwise``."""
    spelled = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), spelled, n=1)
    return f"did you mean {spelled[near[0]]!r}?" if near else otherwise
