"""Output of the commands: tables, lines, JSON files and suggestions of next commands.

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
from rlvision.core.paths import as_path

if TYPE_CHECKING:
    from rich.console import Console

    from rlvision.watch.outputs import Output
    from rlvision.watch.rollout import Game

OFFLINE = "offline-run-*"
"""Pattern of W&B's folders of offline runs; ``wandb sync`` leaves a ``.synced`` file in each that it uploaded."""


def console() -> "Console":
    """Return a console on standard output that does not wrap lines, because a program may read them."""
    from rlvision.tracking.console import PipeSafeConsole

    return PipeSafeConsole(highlight=False, soft_wrap=True)


def echo(text: str) -> None:
    """Print text literally: brackets in a path are not markup."""
    console().print(text, markup=False)


def echo_games(games: "Sequence[Game]", *, is_capped: bool = False) -> None:
    """Print one line for each game that was shown, and one about those that the cap for worlds without a limit cut."""
    if not games:
        echo("stopped before the first game ended")
    for number, game in enumerate(games, 1):
        cut = "" if game.over else ", cut short"
        echo(f"game {number}: score {game.score:g} in {game.length:,} decisions{cut} (seed {game.seed})")
    if is_capped and any(not game.over for game in games):
        echo("this world declares no limit: --max-steps shows more decisions of a game")


def echo_files(output: "Output", games: int) -> None:
    """Print the path and size of each file that the games were written to."""
    for path in output.files(games):
        echo(f"written to {path} ({path.stat().st_size / 1e6:.1f} MB)")


def require_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before any games are played.

    Raises:
        ConfigError: Its folder cannot be created or written to, or the path is a folder.
    """
    path = as_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(path.parent, os.W_OK) and not path.is_dir()
    except OSError as error:
        raise ConfigError(f"expected a file to write in --json, got {path}: {error.strerror}; name another") from error
    if not is_writable:
        raise ConfigError(f"expected a file to write in --json, got {path}: name one in a writable folder")


def write_json(path: Path, plain: Any) -> None:
    """Write plain values as JSON, atomically."""
    from rlvision.core.files import write_atomically

    write_atomically(as_path(path), json.dumps(plain, indent=2).encode() + b"\n")


def next_commands(place: Path) -> str:
    """Return suggestions of shell commands for a run folder or an export, one per line."""
    from rlvision.core.user_code import is_here
    from rlvision.runs.find import find_agent, stored_settings
    from rlvision.runs.own_code import strange_imports
    from rlvision.runs.run_folder import RunFolder

    folder, quoted = find_agent(place, trust_imports=True), quote(str(place))
    config = stored_settings(folder)
    trusting = " --trust-imports" if strange_imports(config, place) else ""
    if is_here(config.env.game):
        lines = [f"rlvision.load({str(place)!r}, env=...)      plays, in Python, in the world that you hand over"]
    else:
        lines = [
            f"rlvision evaluate {quoted}{trusting}      plays whole games",
            f"rlvision watch {quoted}{trusting}      shows a game",
        ]
    if isinstance(folder, RunFolder):
        lines.append(f"rlvision replay {quoted}      lists training games")
    if any(not any(run.glob("*.synced")) for run in list_folder(place / "wandb", OFFLINE)):
        lines.append(f"wandb sync {quoted}/wandb/{OFFLINE}      uploads the offline runs to W&B")
    return "\n".join(lines)
