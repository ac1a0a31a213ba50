"""The history of a run: one line per session with the changed settings, the versions and the reason of its end.

::

    {"when": "2026-01-31T12:00:00+00:00", "env_steps": 0, "changed": {}, "with": {"rlvision": "0.1.0", …},
     "ended": "interrupted by SIGTERM; the same command continues"}
    {"when": "2026-02-01T09:30:00+00:00", "env_steps": 50000, "changed": {"env_steps": [1000, 2000]}, "with": {…}}

The second session is still running, or was killed before it could record the reason. The first line of a run with
``network.init`` has ``"from"``, the record of the old weights.
"""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rlvision.core.errors import CheckpointError
from rlvision.core.files import path_exists, read_text, write_atomically
from rlvision.core.wording import shown

HISTORY_FILE = "history.jsonl"
CODE = "the code of "
"""Begins the name of a digest of the user's code among the conditions of a session."""
LARGEST = 2**24
"""Maximum size of the file in bytes; a session takes a few hundred."""
PACKAGES = ("rlvision", "torch", "ale-py", "gymnasium", "numpy")
"""Packages whose versions decide the exact bits of a run."""


def versions() -> dict[str, str]:
    """Return the installed versions of Python and of `PACKAGES`, by name."""
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **{name: each for name, each in found.items() if each is not None}}


def open_session(
    folder: Path,
    env_steps: int,
    changed: Mapping[str, tuple[Any, Any]],
    using: Mapping[str, str],
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Add a line to the run folder's history.

    Args:
        folder: of the run.
        env_steps: at which the session begins.
        changed: settings by dotted name -> (old, new).
        using: versions, device, digests of the user's code and other conditions of the computation, by name.
        origin: record of the old weights that a new run starts from.

    Raises:
        OSError: the file cannot be written; the old one is unchanged.
    """
    line = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "env_steps": env_steps,
        "changed": {name: list(values) for name, values in changed.items()},
        "with": dict(using),
        **({"from": dict(origin)} if origin else {}),
    }
    _write(folder, [*read(folder), line])


def close_session(folder: Path, why: str) -> None:
    """Record in the last line why the current session ends.

    Raises:
        OSError: the file cannot be written; the old one is unchanged.
    """
    *before, newest = read(folder)
    _write(folder, [*before, {**newest, "ended": why}])


def end_reason(folder: Path) -> str | None:
    """Return why the last session ended; None if it is still running, or was killed."""
    lines = read(folder)
    return lines[-1].get("ended") if lines else None


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the lines, oldest first; an empty list if there is no file.

    Raises:
        CheckpointError: a line is not JSON.
    """
    path = folder / HISTORY_FILE
    try:
        return [json.loads(line) for line in read_text(path, LARGEST).splitlines()] if path_exists(path) else []
    except ValueError as error:
        raise CheckpointError(
            f"expected one JSON object per line in {shown(path)}, got {error}: delete that line"
        ) from error


def last_version(folder: Path) -> str | None:
    """Return the version of rlvision in the last session, or None if it is unknown."""
    lines = read(folder)
    return lines[-1]["with"].get("rlvision") if lines else None


def version_changes(folder: Path, using: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the conditions that changed since the last session, name -> (old, new); results may differ in bits."""
    before = lines[-1]["with"] if (lines := read(folder)) else {}
    return {name: (old, using[name]) for name, old in before.items() if using.get(name, old) != old}


def _write(folder: Path, lines: list[dict[str, Any]]) -> None:
    write_atomically(folder / HISTORY_FILE, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # for example, rlvision run from a checkout
        return None
