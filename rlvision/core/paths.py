"""Paths as a user gives them: text or ``os.PathLike``, with ``~`` for the home folder."""

import os
import sysconfig
from pathlib import Path

from rlvision.core.errors import ConfigError, describe_value

STANDARD_LIBRARY = sysconfig.get_path("stdlib")
LIBRARIES = ("site-packages", "dist-packages")
"""Folders in which packages are installed."""
AnyPath = str | os.PathLike[str]
"""A path of a public function; `as_path` makes it a `Path`."""


def as_path(path: AnyPath) -> Path:
    """Return a path with the home folder in the place of ``~``.

    Raises:
        ConfigError: this is no path, or there is no such user.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"expected a path as text or pathlib.Path, got {describe_value(path)}: pass one of these")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"expected the home folder of a user, got {os.fspath(path)}: correct the name, or write the whole path "
            "of a folder whose name begins with ~"
        ) from error


def is_installed(file: Path) -> bool:
    """Return whether a Python file belongs to an installed package or to the standard library."""
    place = file.absolute()
    return any(part in LIBRARIES for part in place.parts) or place.is_relative_to(STANDARD_LIBRARY)
