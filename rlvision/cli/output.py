"""Printing for the commands: tables, lines, files of numbers, and the commands that come next.

Help screens import this module, so each function imports what it needs.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from rlvision.core.errors import ConfigError
from rlvision.core.folders import list_folder

if TYPE_CHECKING:
    from rich.console import Console

    from rlvision.watch.outputs import Output
    from rlvision.watch.rollout import Game

OFFLINE = "offline-run-*"
"""Folders that W&B makes where it is offline; ``wandb sync`` leaves a file in those that it has uploaded."""


def console() -> "Console":
    """Return a console on standard output, which wraps no line: the reader may be a program."""
    from rlvision.tracking.console import PipeSafeConsole

    return PipeSafeConsole(highlight=False, soft_wrap=True)


def echo(text: str) -> None:
    """Print text as it is: a path may have brackets in it."""
    console().print(text, markup=False)


def echo_games(games: "Sequence[Game]") -> None:
    """Print a line about each game that was shown."""
    if not games:
        echo("left before a game was over")
    for number, game in enumerate(games, 1):
        cut = "" if game.over else ", cut short"
        echo(f"game {number}: score {game.score:g} in {game.length:,} decisions{cut} (seed {game.seed})")


def echo_files(output: "Output", games: int) -> None:
    """Print path and size of each file that the games were written to."""
    for path in output.files(games):
        echo(f"written to {path} ({path.stat().st_size / 1e6:.1f} MB)")


def require_writable(path: Path) -> None:
    """Refuse, before anything is played, a file that could not be written.

    Raises:
        ConfigError: its folder cannot be made or written to, or a folder is in its place.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(path.parent, os.W_OK) and not path.is_dir()
    except OSError as error:
        raise ConfigError(f"expected a file to write in --json, got {path}: {error.strerror}; name another") from error
    if not is_writable:
        raise ConfigError(f"expected a file to write in --json, got {path}: name one in a folder that can be written")


def write_json(path: Path, plain: Any) -> None:
    """Write plain values as JSON, the whole file or nothing."""
    from rlvision.core.files import write_atomically

    write_atomically(path, json.dumps(plain, indent=2).encode() + b"\n")


def next_commands(place: Path) -> str:
    """Return the commands for a run folder or an export, a line each, complete, as a shell takes them."""
    from rlvision.runs.export_folder import imported_settings
    from rlvision.runs.find import find_agent, stored_settings
    from rlvision.runs.run_folder import RunFolder

    folder, quoted = find_agent(place, trust_imports=True), quote(str(place))
    trusting = " --trust-imports" if imported_settings(stored_settings(folder)) else ""
    lines = [
        f"rlvision evaluate {quoted}{trusting}      plays whole games",
        f"rlvision watch {quoted}{trusting}      shows some",
    ]
    if isinstance(folder, RunFolder):
        lines.append(f"rlvision replay {quoted}      lists games of the training")
    if any(not any(run.glob("*.synced")) for run in list_folder(place / "wandb", OFFLINE)):
        lines.append(f"wandb sync {quoted}/wandb/{OFFLINE}      uploads what W&B keeps offline")
    return "\n".join(lines)
