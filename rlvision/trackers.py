"""Where a run's measurements go."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rlvision.config import Config
from rlvision.protocols import Tracker
from rlvision.tracking.console import ConsoleTracker
from rlvision.tracking.files import FileTracker
from rlvision.tracking.group import TrackerGroup
from rlvision.tracking.tensorboard import TensorboardTracker
from rlvision.tracking.wandb import WandbTracker


def make_trackers(config: Config, folder: Path, console: ConsoleTracker) -> TrackerGroup:
    """All that the settings ask for; the file comes first, for W&B mirrors it.

    Raises:
        MissingExtraError: TensorBoard is wanted and not installed.
    """
    trackers: dict[str, Tracker] = {
        "files": FileTracker(folder),
        "console": console,
        "wandb": WandbTracker(config.wandb, folder, asdict(config), about=_about(config, folder)),
    }
    if config.tracking.tensorboard:
        trackers["tensorboard"] = TensorboardTracker(folder)
    return TrackerGroup(trackers)


def _about(config: Config, folder: Path) -> Mapping[str, object]:
    """What W&B is told of a run, by the names of ``wandb.init``."""
    tracking = config.tracking
    return {
        "project": tracking.project,
        "entity": tracking.entity,
        "name": tracking.name or folder.name,
        "group": tracking.group,
        "tags": tracking.tags,
        "job_type": tracking.job_type,
        "notes": tracking.notes,
    }
