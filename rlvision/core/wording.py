"""Settings in messages as the user writes them, who is in a shell or in a Python program; names for people to read.

::

    as_written("checkpoint.replay", False)    --checkpoint.replay=false    checkpoint=dict(replay=False)
    as_written("env_steps")                   --env-steps                  env_steps
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlvision.core.user_code import is_here

_shells = 0  # blocks of `in_shell` that are under way


@contextmanager
def in_shell() -> Iterator[None]:
    """Word the messages of this block for a command line."""
    global _shells
    _shells += 1
    try:
        yield
    finally:
        _shells -= 1


def as_written(name: str, value: object = None) -> str:
    """Return how the user writes a setting or an argument.

    Args:
        name: of a setting, dotted, or of an argument.
        value: to set it to; None: the name alone.
    """
    return _in_shell(name, value) if _shells else _in_python(name, value)


def shown(path: Path) -> str:
    """Return a path as a message shows it: relative to the working directory if it lies inside it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def is_shell() -> bool:
    """Return whether messages are for a command line."""
    return _shells > 0


def where() -> str:
    """Return the end of a message about an error in the user's code: how to see its traceback."""
    return "--debug shows where" if _shells else "the traceback shows where"


def _in_shell(name: str, value: object) -> str:
    spelled = f"--{name if '.' in name else name.replace('_', '-')}"
    if value is None or value is True:
        return spelled
    return f"{spelled}={str(value).lower() if value is False else value}"


def _in_python(name: str, value: object) -> str:
    group, _, setting = name.rpartition(".")
    if value is None:
        return name
    written = f"{setting}={str(value) if isinstance(value, (bool, int, float)) else repr(str(value))}"
    return f"{group}=dict({written})" if group else written


def title_of(name: str) -> str:
    """Return a name for people to read: of an object that only this process has, without its digest."""
    return name.partition(":")[2].rpartition("-")[0] if is_here(name) else name
