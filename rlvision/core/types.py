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

Counters carry their unit in their name: ``env_steps`` (agent decisions, summed over the environments), ``frames``
(emulator frames) and ``updates`` (gradient steps).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

UInt8Array = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
QFunction = Callable[[UInt8Array], Tensor]
"""Observations [N, C, H, W] uint8 -> Q-values [N, A] float32, on the CPU."""

RewardTransform = Callable[[Tensor], Tensor]
"""Raw rewards of any shape -> rewards as an agent learns from them."""

Schedule = Callable[[int], float]
"""A number as a function of a counter: env steps or updates."""

State = dict[str, Any]
"""What ``state_dict`` returns: nested dicts and lists of tensors and plain Python values."""
Rows = list[State]
"""Files of a memory's rows, oldest first: plain values, as a checkpoint lists them."""
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
    quantiles: Tensor | None = None  # [B, A, K] of the returns whose means the Q-values are


@dataclass(frozen=True, slots=True)
class Update:
    """What one gradient step says of itself.

    ``metrics`` may hold tensors []: reading one waits for the device, so they are read only when they are logged.
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


@runtime_checkable
class Stateful(Protocol):
    """Something whose whole state travels in a checkpoint, as tensors and plain Python values."""

    def state_dict(self) -> State:
        """The state, complete: loading it into a fresh twin continues bit for bit."""

    def load_state_dict(self, state: State) -> None:
        """Take over a state made by `state_dict`."""


@dataclass(frozen=True, slots=True)
class EnvSpec:
    """What the rest of the program needs to know of a vector of environments."""

    num_envs: int  # N
    observation_shape: tuple[int, int, int]  # (C, H, W), C = stack * frame_channels
    frame_channels: int  # channels of one frame: 1 gray, 3 colour
    action_meanings: tuple[str, ...]  # A names, such as ("NOOP", "FIRE", "UP")
    frameskip: int  # emulator frames per env step

    @property
    def num_actions(self) -> int:
        """A, the number of actions."""
        return len(self.action_meanings)

    @property
    def stack(self) -> int:
        """Frames in one observation."""
        return self.observation_shape[0] // self.frame_channels


class VectorEnv(Stateful, Protocol):
    """N environments stepped together, NEXT_STEP: an ended one is reset by the step after."""

    @property
    def spec(self) -> EnvSpec:
        """Shapes and names."""

    @property
    def observation(self) -> UInt8Array:
        """What the next `send` acts on, [N, C, H, W] uint8, oldest frame first; never written to again."""

    @property
    def first(self) -> BoolArray:
        """Which current observations are a reset's, [N]: the ``first`` of the row that the next `recv` returns."""

    def reset(self, seed: int) -> UInt8Array:
        """Start every environment anew, environment i from a seed derived from (seed, i)."""

    def send(self, action: IntArray) -> None:
        """Hand over the actions [N] and return at once; the environments step in the background."""

    def recv(self) -> EnvStep:
        """Wait for the step begun by `send` and return its complete row."""

    def step(self, action: IntArray) -> EnvStep:
        """`send` and `recv`."""

    def seeds(self) -> tuple[int, ...]:
        """N seeds: of each environment's last seeded reset."""

    def close(self) -> None:
        """Release processes and emulators; may be called twice."""


class Policy(Protocol):
    """Choose actions."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """Return actions [N].

        Args:
            observation: [N, C, H, W] uint8.
            first: whether an observation is a reset's, [N]: there a policy forgets what it carried from step to step.
            env_steps: decisions of training so far.
        """


class TrainingPolicy(Policy, Stateful, Protocol):
    """A policy that explores: its random numbers and its carry travel in a checkpoint."""

    def metrics(self, env_steps: int) -> Mapping[str, float]:
        """Return where its schedules stand, by metric name."""


class Memory(Stateful, Protocol):
    """Turn steps into batches."""

    def add(self, step: EnvStep) -> None:
        """Take the next row of experience."""

    def batches(self) -> Iterator[Batch]:
        """Yield the batches owed by now: none before learning starts."""

    def update_priorities(self, index: Tensor, priority: Tensor) -> None:
        """Take the priorities [B] of the transitions that were just learned from."""

    def metrics(self) -> Mapping[str, float]:
        """Return how much it holds, by metric name."""

    def save_rows(self, folder: Path) -> Rows:
        """Write what is too large for a checkpoint into ``folder`` and return the list of its files.

        Only what is new since the last call is written. A memory without such rows returns an empty list.
        """

    def load_rows(self, folder: Path, rows: Rows, progress: Progress) -> None:
        """Read what `save_rows` wrote; `load_state_dict` follows.

        Without it the memory starts empty, and learning starts as in a new run.

        Raises:
            CheckpointError: a file is missing or damaged.
        """


class Learner(Stateful, Protocol):
    """Improve the network."""

    @property
    def updates(self) -> int:
        """Return the gradient steps so far."""

    def update(self, batch: Batch) -> Update:
        """Make one gradient step.

        Raises:
            DivergedError: the loss or a gradient is not finite; no weight has moved.
        """

    def metrics(self) -> Mapping[str, float]:
        """Return where its schedules stand, by metric name."""

    def diagnose(self) -> Mapping[str, Tensor]:
        """Return what a closer look at the network shows, by metric name: tensors [], asked for once an interval."""

    def distributions(self) -> Mapping[str, Tensor]:
        """Return numbers [..] whose distribution is of interest, by metric name: asked for at an evaluation."""


@dataclass(frozen=True, slots=True)
class Agent:
    """All that a run knows of an agent.

    Attributes:
        policy: explores while training.
        memory: makes batches of what was experienced.
        learner: learns from them.
        network: the network as it plays, in evaluation mode; its ``state_dict`` is what a run keeps and exports.
        q_function: the Q-values by which it plays when it counts, in float32.
        gamma: its discount per env step, as a function of env steps.
        reward_transform: what it makes of raw rewards [..]; None where it learns from them as they are.
    """

    policy: TrainingPolicy
    memory: Memory
    learner: Learner
    network: nn.Module
    q_function: QFunction
    gamma: Schedule
    reward_transform: RewardTransform | None


class Tracker(Protocol):
    """Keeps what is measured."""

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """One row of metrics, measured after ``env_steps`` decisions."""

    def close(self) -> None:
        """Flush and release; may be called twice."""
