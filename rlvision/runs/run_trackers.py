"""The trackers of a run: the file, the console, W&B, TensorBoard, and those of the user's own."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from rlvision.config.fields import nest
from rlvision.config.loading import flatten_used
from rlvision.config.schema import Config
from rlvision.core.types import Tracker
from rlvision.core.wording import shown, title_of
from rlvision.tracking.console import ConsoleTracker
from rlvision.tracking.jsonl import JsonlTracker
from rlvision.tracking.own_tracker import make_own_trackers
from rlvision.tracking.tensorboard import TensorboardTracker
from rlvision.tracking.trackers import MultiTracker
from rlvision.tracking.wandb import WandbTracker
from rlvision.tracking.wandb_variables import describe_run

NO_TRACKERS: Mapping[str, Tracker] = {}


def make_console(config: Config, folder: Path, learning_starts: int) -> ConsoleTracker:
    """Make the display of a run; it is silent without ``tracking.console``."""
    return ConsoleTracker(
        config.env_steps,
        f"{title_of(config.env.game)} {shown(folder)} seed {config.seed}",
        None if config.tracking.console else Console(quiet=True, force_terminal=False),
        learning_starts=learning_starts,
        evaluate_every=config.evaluate_every,
    )


def make_trackers(
    config: Config, folder: Path, console: ConsoleTracker, given: Mapping[str, Tracker] = NO_TRACKERS
) -> MultiTracker:
    """Make the trackers that the settings choose, and add those given; the file is first, because W&B mirrors it.

    Raises:
        MissingExtraError: TensorBoard is on, and not installed.
        ConfigError: a tracker of the user's own cannot be made.
    """
    settings, tracking = nest(flatten_used(config)), config.tracking
    about = describe_run(tracking, folder)
    trackers: dict[str, Tracker] = {
        "files": JsonlTracker(folder),
        "console": console,
        "wandb": WandbTracker(config.wandb, folder, settings, about=about, names=tracking.names),
    }
    if tracking.tensorboard:
        trackers["tensorboard"] = TensorboardTracker(folder, tracking.names)
    return MultiTracker({**trackers, **make_own_trackers(tracking.also, folder, settings), **given})
