"""Folders of new runs, and settings that a run in a folder may change when it continues."""

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from rlvision.core.files import path_exists
from rlvision.core.folders import list_folder
from rlvision.core.locks import is_locked
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.wording import as_written, shown

AUTO = "auto"
"""Value of ``out`` that numbers the run folders."""
MAY_CHANGE = (
    "out",
    "env_steps",
    "device",
    "threads",
    "precision",
    "cuda_graphs",
    "deterministic",
    "replay.compression",
    "env.step_timeout",
    "env.max_restarts",
    "wandb",
    "evaluate_every",
    "checkpoint_every",
    "evaluation.",
    "checkpoint.",
    "tracking.",
)
"""Settings that a resumed run may change; a trailing dot stands for a group."""
MAX_LISTED = 6
"""Most changed settings that an error message names; with another preset there may be dozens."""
LONGEST_NUMBER = 3
"""Digits of the number of a folder; longer ones are the name's own, such as a year."""

Changes = Mapping[str, tuple[Any, Any]]
"""Name -> (old value, new value)."""


def refused_changes(changes: Changes) -> Changes:
    """Return the changes that would make it another run."""
    return {name: values for name, values in changes.items() if not _may_change(name)}


def list_changes(changes: Changes) -> str:
    """Return changed settings for a message: "seed was 1, is 2; env_steps was 1000, is 2000"."""
    return "; ".join(f"{name} was {old!r}, is {new!r}" for name, (old, new) in changes.items())


def refusal(path: AnyPath, changes: Changes) -> str:
    """Return the message for settings of another run than the one in a folder; it names a free folder."""
    some, more = dict(list(changes.items())[:MAX_LISTED]), len(changes) - MAX_LISTED
    others = list_changes(some) + (f"; and {more} more" if more > 0 else "")
    out, auto, place = as_written("out"), as_written("out", AUTO), as_path(path)
    return (
        f"expected the settings of the run in {shown(place)}, got others ({others}): use them, or another {out}: "
        f"{as_written('out', shown(free_folder(place)))} is free, and {auto} finds a free one by itself"
    )


def numbered_folders(path: Path) -> Iterator[Path]:
    """Yield a folder, then the same with a number: pong-seed1, pong-seed1-2, pong-seed1-3 and so on."""
    name, _, number = path.name.rpartition("-")
    if not (name and number.isdecimal() and len(number) <= LONGEST_NUMBER):
        name, number = path.name, "1"
    yield path
    yield from (path.parent / f"{name}-{following}" for following in count(int(number) + 1))


def free_folder(path: Path) -> Path:
    """Return the first of the `numbered_folders` where nothing is yet."""
    return next(folder for folder in numbered_folders(path) if is_free(folder))


def may_take(path: Path, changes: Changes | None) -> bool:
    """Return whether a run with ``out=auto`` may take a folder: nothing is there, or a run that it continues.

    An empty folder may be that of a run that is about to begin.

    Args:
        path: of the folder.
        changes: from the settings of the run there; None without a run.
    """
    if not path_exists(path):
        return True
    return changes is not None and not refused_changes(changes) and not is_locked(path)


def is_free(path: Path) -> bool:
    """Return whether a new run may take a folder: there is nothing, or an empty folder."""
    return not path_exists(path) or (path.is_dir() and not list_folder(path.resolve(), "*"))


def _may_change(name: str) -> bool:
    return any(name == free or (free.endswith(".") and name.startswith(free)) for free in MAY_CHANGE)
