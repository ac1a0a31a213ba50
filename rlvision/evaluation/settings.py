"""Settings of the evaluations during training."""

from dataclasses import dataclass

from rlvision.core.ranges import FrameCount, PositiveInt, Probability


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """The periodic evaluation, and the early end of a run."""

    games: PositiveInt = 10
    """Whole games per evaluation."""
    epsilon: Probability = 0.001
    """Probability of a random action in evaluations."""
    max_frames: FrameCount | None = None
    """Frames after which a game is cut; unset, env.max_episode_frames if that is set, else 108,000, or 10,000 decisions
    if the world declares no limit (env.max_episode_steps)."""
    max_idle_frames: PositiveInt | None = 18_000
    """Frames without a reward after which a game is cut, since it may never end; none, never."""
    patience: PositiveInt | None = None
    """Early stopping: evaluations without a new best score before the run ends; unset, never."""
    target_score: float | None = None
    """The run ends once an evaluation reaches this raw score; unset, never."""
    promising_score: float | None = None
    """An evaluation is also made when the mean of the last 20 training games reaches this raw score, and again after 20
    more; unset, target_score. Training games explore, so they score less."""
