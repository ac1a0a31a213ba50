"""Settings of the metrics and of their trackers."""

from dataclasses import dataclass

from rlvision.core.ranges import NonEmptyStr, NonNegativeInt, PositiveInt
from rlvision.tracking.foreign_metrics import NamesOf


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """Metrics, videos, and the services that show them."""

    log_every: PositiveInt = 2_000
    """Env steps between rows of training metrics."""
    console: bool = True
    """Print the progress and what the run says; without it, only warnings and errors."""
    project: NonEmptyStr | None = None
    """W&B project; unset, WANDB_PROJECT or rlvision."""
    entity: NonEmptyStr | None = None
    """W&B entity; unset, WANDB_ENTITY."""
    name: NonEmptyStr | None = None
    """W&B run name; unset, WANDB_NAME or the name of the run folder."""
    group: NonEmptyStr | None = None
    """W&B group; unset, WANDB_RUN_GROUP."""
    tags: tuple[NonEmptyStr, ...] = ()
    """W&B tags; unset, WANDB_TAGS."""
    job_type: NonEmptyStr | None = None
    """W&B job type; unset, WANDB_JOB_TYPE or train."""
    notes: NonEmptyStr | None = None
    """W&B notes; unset, WANDB_NOTES."""
    video_every: NonNegativeInt = 10
    """Evaluations between videos of a game; the last evaluation has one too. 0 for none."""
    video_steps: PositiveInt = 300
    """Decisions after which the game in a video is cut short, since recording takes time."""
    artifacts: bool = True
    """Keep the files of the best and the last checkpoint as W&B artifacts, and no other file."""
    tensorboard: bool = False
    """Write TensorBoard's event files too: pip install 'rlvision[tensorboard]'."""
    names: NamesOf = "rlvision"
    """Words of the metrics in W&B and TensorBoard, for dashboards that exist (docs/metrics.md)."""
    also: tuple[NonEmptyStr, ...] = ()
    """Trackers of your own, package.module:Class, called with the run folder and the settings (docs/track.md)."""
