"""Settings of the metrics and of their trackers."""

from dataclasses import dataclass

from rlvision.core.ranges import NonEmptyStr, NonNegativeInt, PositiveInt


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """Metrics, videos, and the services that show them."""

    log_every: PositiveInt = 2_000
    """Env steps between rows of training metrics."""
    project: NonEmptyStr = "rlvision"
    """W&B project."""
    entity: NonEmptyStr | None = None
    """W&B entity."""
    name: NonEmptyStr | None = None
    """W&B run name; unset, the name of the run folder."""
    group: NonEmptyStr | None = None
    """W&B group."""
    tags: tuple[NonEmptyStr, ...] = ()
    """W&B tags."""
    job_type: NonEmptyStr = "train"
    """W&B job type."""
    notes: NonEmptyStr | None = None
    """W&B notes."""
    video_every: NonNegativeInt = 10
    """Evaluations between videos of a game; the last evaluation has one too. 0 for none."""
    video_steps: PositiveInt = 300
    """Decisions after which the game in a video is cut short, since recording takes time."""
    artifacts: bool = True
    """Keep the files of the best and the last checkpoint as W&B artifacts, and no other file."""
    tensorboard: bool = False
    """Write TensorBoard's event files too: pip install 'rlvision[tensorboard]'."""
