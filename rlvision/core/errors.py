"""The exception tree.

::

    RLVisionError
    ├── ConfigError         a setting, preset or argument that cannot be used
    ├── EnvError            an environment that cannot be made, or that broke its contract
    │   └── EnvCrashError   an environment that raised an error, died or hung; a restart may help
    ├── CheckpointError     a run or checkpoint that is missing, damaged or of another kind
    ├── MemoryBudgetError   a run that needs more memory than is free
    ├── DivergedError       a loss or gradient that is not finite
    └── MissingExtraError   an optional dependency that is not installed

Every message has three parts: the value expected, the value found, and the remedy.
"""

import re
import traceback
from pathlib import Path


class RLVisionError(Exception):
    """Base class of all errors that the user can fix; the command line prints one line and exits with status 2."""


class ConfigError(RLVisionError):
    """A setting, preset or argument that cannot be used."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the user's line and the message, without the frames inside rlvision."""
        frames = [frame for frame in traceback.extract_tb(self.__traceback__) if frame.name == "<module>"]
        line = [f"line {frames[-1].lineno}: {frames[-1].line}"] if frames else []
        return [*line, f"{type(self).__name__}: {self}"]


class EnvError(RLVisionError):
    """An environment that cannot be made, or that broke its contract."""


class EnvCrashError(EnvError):
    """An environment that raised an error of its own, died or hung; a restart may help."""


class CheckpointError(RLVisionError):
    """A run folder or checkpoint that is missing, damaged or of another kind."""


class MemoryBudgetError(RLVisionError):
    """A run that needs more memory than the machine has free."""


class MissingExtraError(RLVisionError):
    """An optional dependency that is not installed; the message names the extra to install."""


class DivergedError(RLVisionError, FloatingPointError):
    """A loss or gradient that is not finite; the last checkpoint was written before it."""


def describe_value(value: object) -> str:
    """Describe a value for an error message: an array by its dtype and shape, others by their text and type."""
    if (shape := getattr(value, "shape", ())) and hasattr(value, "dtype"):
        return f"{value.dtype} {list(shape)}"
    words = repr(value)
    return f"{words if len(words) <= 40 else type(value).__name__} of type {type(value).__name__}"


def how_to_find(module: str, error: BaseException) -> str:
    """Return the remedy for code of the user's that cannot be imported.

    Args:
        module: its name, as the user wrote it.
        error: what the import raised: that the module is missing, that one which it imports is, or any other.
    """
    dotted = re.sub(r"[/\\]+", ".", module.removesuffix(".py")).strip(".")
    if dotted != module:
        return f"write {dotted}, as Python imports it"
    if not isinstance(error, ModuleNotFoundError):
        return f"correct {_line_of_import(error) or module}"
    package = error.name.partition(".")[0] if error.name else None
    if package is None or package == module.partition(".")[0]:
        return f"install it, or run where Python finds {module}"
    return f"pip install {package}, which {module} imports, or run where Python finds it"


def _line_of_import(error: BaseException) -> str | None:
    """Return the file and line of a module at which its import failed."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == "<module>"]
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else None
