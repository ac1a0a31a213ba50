"""Settings of the replay buffer."""

from dataclasses import dataclass
from typing import Literal

from rlvision.core.ranges import (
    BatchSize,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ReplayRatio,
    UnitInterval,
)


@dataclass(frozen=True, kw_only=True)
class ReplaySettings:
    """The replay buffer."""

    capacity: PositiveInt = 100_000
    """Transitions kept."""
    compression: Literal["none", "lz4"] = "none"
    """Compress frames in memory (CPU only): a million of Pong take 0.4 GB instead of 7. Batches do not change."""
    batch_size: BatchSize = 32
    """Transitions per update."""
    samples_per_env_step: ReplayRatio = 8.0
    """Transitions learned from per env step, exact for any number of environments."""
    learning_starts: NonNegativeInt = 5_000
    """Env steps before the first update."""
    prioritised: bool = False
    """Sample in proportion to the TD error (Schaul et al. 2016)."""
    alpha: NonNegativeFloat = 0.5
    """Prioritised: exponent of the priority."""
    beta: UnitInterval = 0.4
    """Prioritised: first exponent of the importance weights, which grows to 1 over the run."""
    priority_epsilon: PositiveFloat = 1e-6
    """Prioritised: added to every |TD error| before alpha."""
