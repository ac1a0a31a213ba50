"""What a user may want to do next with what a command has made."""

from pathlib import Path
from shlex import quote

from rlvision.exports.finding import find_agent
from rlvision.exports.folder import imported
from rlvision.run_folder import RunFolder

OFFLINE = "offline-run-*"
"""Folders that W&B makes where it is offline; ``wandb sync`` leaves a file in those that it has uploaded."""


def next_commands(place: Path) -> str:
    """The commands for a run folder or an export, a line each, complete, as a shell takes them."""
    folder, quoted = find_agent(place, trust_imports=True), quote(str(place))
    trusting = " --trust-imports" if imported(folder.config()) else ""
    lines = [
        f"rlvision evaluate {quoted}{trusting}      plays whole games",
        f"rlvision watch {quoted}{trusting}      shows some",
    ]
    if isinstance(folder, RunFolder):
        lines.append(f"rlvision replay {quoted}      lists games of the training")
    if any(not any(run.glob("*.synced")) for run in (place / "wandb").glob(OFFLINE)):
        lines.append(f"wandb sync {quoted}/wandb/{OFFLINE}      uploads what W&B keeps offline")
    return "\n".join(lines)
