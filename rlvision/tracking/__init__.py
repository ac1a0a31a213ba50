"""Tracking: the console, rows of JSON, the learning curve, W&B, TensorBoard."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.tracking.console import ConsoleTracker as ConsoleTracker
    from rlvision.tracking.console import PipeSafeConsole as PipeSafeConsole
    from rlvision.tracking.console import say as say
    from rlvision.tracking.curve import RECENT as RECENT
    from rlvision.tracking.curve import columns as columns
    from rlvision.tracking.curve import draw_curve as draw_curve
    from rlvision.tracking.curve import plot_curve as plot_curve
    from rlvision.tracking.curve import running_mean as running_mean
    from rlvision.tracking.curve import style_axes as style_axes
    from rlvision.tracking.dashboard import number as number
    from rlvision.tracking.foreign_metrics import STEP as STEP
    from rlvision.tracking.foreign_metrics import WORDS as WORDS
    from rlvision.tracking.jsonl import METRICS_FILE as METRICS_FILE
    from rlvision.tracking.jsonl import JsonlTracker as JsonlTracker
    from rlvision.tracking.jsonl import last_env_steps as last_env_steps
    from rlvision.tracking.jsonl import read_metrics as read_metrics
    from rlvision.tracking.metrics import MEDIA as MEDIA
    from rlvision.tracking.metrics import METRICS as METRICS
    from rlvision.tracking.own_tracker import guard_trackers as guard_trackers
    from rlvision.tracking.own_tracker import make_own_trackers as make_own_trackers
    from rlvision.tracking.own_tracker import require_plain as require_plain
    from rlvision.tracking.settings import TrackingSettings as TrackingSettings
    from rlvision.tracking.tensorboard import TENSORBOARD_FOLDER as TENSORBOARD_FOLDER
    from rlvision.tracking.tensorboard import TensorboardTracker as TensorboardTracker
    from rlvision.tracking.trackers import MediaTracker as MediaTracker
    from rlvision.tracking.trackers import MultiTracker as MultiTracker
    from rlvision.tracking.wandb import WANDB_FOLDER as WANDB_FOLDER
    from rlvision.tracking.wandb import WandbTracker as WandbTracker
    from rlvision.tracking.wandb_variables import describe_run as describe_run

__getattr__, __all__ = public_names(
    __name__,
    {
        "console": ["ConsoleTracker", "PipeSafeConsole", "say"],
        "curve": ["RECENT", "columns", "draw_curve", "plot_curve", "running_mean", "style_axes"],
        "dashboard": ["number"],
        "foreign_metrics": ["STEP", "WORDS"],
        "jsonl": ["JsonlTracker", "METRICS_FILE", "last_env_steps", "read_metrics"],
        "metrics": ["MEDIA", "METRICS"],
        "settings": ["TrackingSettings"],
        "own_tracker": ["guard_trackers", "make_own_trackers", "require_plain"],
        "tensorboard": ["TENSORBOARD_FOLDER", "TensorboardTracker"],
        "trackers": ["MediaTracker", "MultiTracker"],
        "wandb": ["WANDB_FOLDER", "WandbTracker"],
        "wandb_variables": ["describe_run"],
    },
)
