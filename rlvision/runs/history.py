"""The history of a run: a line for every session, with what was changed, the versions at work, and why it ended.

::

    {"when": "2026-01-31T12:00:00+00:00", "env_steps": 0, "changed": {}, "with": {"rlvision": "0.1.0", …},
     "ended": "interrupted by SIGTERM; the same command continues"}
    {"when": "2026-02-01T09:30:00+00:00", "env_steps": 50000, "changed": {"env_steps": [1000, 2000]}, "with": {…}}

The second one is going on, or had no time to say why it ended.
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

HISTORY_FILE = "history.jsonl"
LARGEST = 2**24
"""Bytes; a session takes some hundred."""
PACKAGES = ("rlvision", "torch", "ale-py", "gymnasium", "numpy")
"""On whose versions the bits of a run depend."""


def versions() -> dict[str, str]:
    """Those at work now, by name."""
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **{name: it for name, it in found.items() if it is not None}}


def open_session(
    folder: Path, env_steps: int, changed: Mapping[str, tuple[Any, Any]], using: Mapping[str, str]
) -> None:
    """Add a line to the run folder's history.

    Args:
        folder: of the run.
        env_steps: where the session begins.
        changed: settings by dotted name -> (old, new).
        using: what it computes with, in words, by name: versions, device and the like.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    line = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "env_steps": env_steps,
        "changed": {name: list(values) for name, values in changed.items()},
        "with": dict(using),
    }
    _write(folder, [*read(folder), line])


def close_session(folder: Path, why: str) -> None:
    """Note in its line why the session that is going on ends, in words.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    *before, newest = read(folder)
    _write(folder, [*before, {**newest, "ended": why}])


def end_reason(folder: Path) -> str | None:
    """What the newest session said of its end; None where it is going on, or had no time to."""
    lines = read(folder)
    return lines[-1].get("ended") if lines else None


def read(folder: Path) -> list[dict[str, Any]]:
    """The lines, oldest first; none where the run is older than its history.

    Raises:
        CheckpointError: a line is no JSON.
    """
    path = folder / HISTORY_FILE
    try:
        return [json.loads(line) for line in read_text(path, LARGEST).splitlines()] if path_exists(path) else []
    except ValueError as error:
        raise CheckpointError(f"expected an object of JSON a line in {path}, got {error}: delete that line") from error


def last_version(folder: Path) -> str | None:
    """The version of rlvision that worked on the run last, as far as it is known."""
    lines = read(folder)
    return lines[-1]["with"].get("rlvision") if lines else None


def version_changes(folder: Path, using: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What this session computes with that the last one did not, name -> (old, new): bits may differ from here on."""
    before = lines[-1]["with"] if (lines := read(folder)) else {}
    return {name: (old, using[name]) for name, old in before.items() if using.get(name, old) != old}


def _write(folder: Path, lines: list[dict[str, Any]]) -> None:
    write_atomically(folder / HISTORY_FILE, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # as where the project is run from its checkout
        return None
