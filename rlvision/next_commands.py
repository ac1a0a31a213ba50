"""What a user may want to do next with what a command has made."""

from pathlib import Path

from rlvision.exports.finding import find_agent
from rlvision.exports.folder import imported
from rlvision.run_folder import RunFolder


def next_commands(place: Path) -> str:
    """The commands for a run folder or an export, a line each, complete."""
    folder = find_agent(place, trust_imports=True)
    trusting = " --trust-imports" if imported(folder.config()) else ""
    lines = [
        f"rlvision evaluate {place}{trusting}      plays whole games",
        f"rlvision watch {place}{trusting}      shows some",
        f"rlvision replay {place}      lists games of the training",
    ]
    return "\n".join(lines if isinstance(folder, RunFolder) else lines[:2])
