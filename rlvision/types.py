"""The six records that travel between the parts, and their one alphabet of shapes.

==========  ==========================================================================
letter      meaning
==========  ==========================================================================
N           environments stepped together
T           steps in time
B           transitions in a batch
A           actions
K           atoms or quantiles of a distributional head (the action axis comes before)
C, H, W     channels, height and width of an observation
==========  ==========================================================================

Counters carry their unit in their name: ``env_steps`` (agent decisions, summed over the
environments), ``frames`` (emulator frames) and ``updates`` (gradient steps).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

UInt8Array = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
State = dict[str, Any]
"""What ``state_dict`` returns: nested dicts and lists of tensors and plain Python values."""
Progress = Callable[[int, int], None]
"""Told of (done, total) steps of what takes long."""


@dataclass(frozen=True, slots=True)
class EnvStep:
    """One row of experience of N environments under the NEXT_STEP convention.

    ::

        row            t     t+1    t+2        t+3
        observation    o0    o1     o2 (last)  o0'     what was acted on
        action         a0    a1     ignored    a0'
        reward         r1    r2     0          r1'     what came of it
        ended          -     yes    -          -       terminated or truncated
        first          yes   -      -          yes     the observation is a reset's
        starts         yes   yes    never      yes     may a transition start here?

    A row is the start of a transition unless the row after it is ``first``. A lost life may
    set ``terminated`` while the game goes on: then no ``first`` row follows.
    """

    observation: UInt8Array  # [N, C, H, W]
    action: IntArray  # [N]
    reward: FloatArray  # [N] raw
    terminated: BoolArray  # [N]
    truncated: BoolArray  # [N]
    first: BoolArray  # [N]


@dataclass(frozen=True, slots=True)
class Transition:
    """What one decision led to, n steps later.

    ``reward`` is the n-step return of the rewards on the way; ``discount`` is γ^m with m the
    number of rewards summed, or 0 where the episode terminated. Time limits and truncations
    keep their γ^m and bootstrap from the true last observation.
    """

    observation: Tensor  # [B, C, H, W] uint8
    action: Tensor  # [B] int64
    reward: Tensor  # [B] float32
    discount: Tensor  # [B] float32
    next_observation: Tensor  # [B, C, H, W] uint8


@dataclass(frozen=True, slots=True)
class Batch:
    """B transitions, where they came from, and how much each counts."""

    transition: Transition
    index: Tensor  # [B] int64, opaque to all but the memory that made it
    importance_weight: Tensor  # [B] float32


@dataclass(frozen=True, slots=True)
class QOutput:
    """Q-values and whatever else the head that made them knows."""

    q_values: Tensor  # [B, A] float32
    logits: Tensor | None = None  # [B, A, K]
    quantiles: Tensor | None = None  # [B, A, K]
    taus: Tensor | None = None  # [B, K]


@dataclass(frozen=True, slots=True)
class Update:
    """What one gradient step says of itself.

    ``metrics`` may hold tensors without a dimension: reading one waits for the device, so
    they are read only when they are logged.
    """

    loss: Tensor  # []
    priority: Tensor  # [B] float32, the absolute TD error
    metrics: Mapping[str, Tensor | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Episode:
    """One whole game, as people read it: raw, unclipped, whatever the learner saw of it."""

    score: float  # sum of the raw rewards
    length: int  # agent decisions
    frames: int  # emulator frames
    seed: int  # of the last seeded reset before it
