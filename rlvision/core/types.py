"""Records and protocols shared by all parts, and the letters of their shapes.

==========  ==========================================================================
letter      meaning
==========  ==========================================================================
N           environments stepped together
T           steps in time
B           transitions in a batch
A           actions
K           atoms or quantiles of a distributional head, on the axis after A
C, H, W     channels, height and width of an observation
==========  ==========================================================================

Counters carry their unit: ``env_steps`` (decisions of all environments), ``frames``, ``updates`` (gradient steps).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor

UInt8Array = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
QFunction = Callable[[UInt8Array], Tensor]
"""Observations [N, C, H, W] uint8 -> Q-values [N, A] float32, on the CPU."""
RewardTransform = Callable[[Tensor], Tensor]
"""Raw rewards of any shape -> rewards that the agent learns from, same shape."""
Schedule = Callable[[int], float]
"""A number as a function of a counter: env steps or updates."""
State = dict[str, Any]
"""Return value of ``state_dict``: nested dicts and lists of tensors and plain Python values."""
ALL = slice(None)
"""All of the N environments, where a part of them could be named."""
Rows = list[State]
"""The files of a memory's rows, oldest first, as plain values in a checkpoint."""
Progress = Callable[[int, int], None]
"""Callback for slow work, called with (done, total) steps."""


@dataclass(frozen=True, slots=True)
class EnvStep:
    """One row of experience of N environments, with Gymnasium's NEXT_STEP autoreset.

    ::

        row            t     t+1    t+2        t+3
        observation    o0    o1     o2 (last)  o0'     the input of the action
        action         a0    a1     ignored    a0'
        reward         r1    r2     0          r1'     the result of the action
        ended          -     yes    -          -       terminated or truncated
        first          yes   -      -          yes     the observation is a reset's
        starts         yes   yes    never      yes     may a transition start here?

    A row starts a transition unless the next row is ``first``. After a lost life that terminates, none follows.
    """

    observation: UInt8Array  # [N, C, H, W]
    action: IntArray  # [N]
    reward: FloatArray  # [N] raw
    terminated: BoolArray  # [N]
    truncated: BoolArray  # [N]
    first: BoolArray  # [N]


@dataclass(frozen=True, slots=True)
class Transition:
    """A decision and its outcome n steps later.

    ``reward`` is the n-step return of the rewards in between. ``discount`` is γ^m, with m the number of rewards summed,
    or 0 if the episode terminated. After a truncation the target bootstraps from the true last observation.
    """

    observation: Tensor  # [B, C, H, W] uint8
    action: Tensor  # [B] int64
    reward: Tensor  # [B] float32
    discount: Tensor  # [B] float32
    next_observation: Tensor  # [B, C, H, W] uint8


@dataclass(frozen=True, slots=True)
class Batch:
    """B transitions with their indices in the memory and their importance weights."""

    transition: Transition
    index: Tensor  # [B] int64, interpreted only by the memory that made it
    importance_weight: Tensor  # [B] float32


@dataclass(frozen=True, slots=True)
class QOutput:
    """Q-values, and the quantiles that they come from, if the head has them."""

    q_values: Tensor  # [B, A] float32
    quantiles: Tensor | None = None  # [B, A, K] of the return; the Q-values are their means


@dataclass(frozen=True, slots=True)
class Update:
    """The result of one gradient step; its metrics [] are read when they are logged, since reading waits."""

    loss: Tensor  # []
    priority: Tensor  # [B] float32, the absolute TD error
    metrics: Mapping[str, Tensor | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Episode:
    """One whole game with its raw score, before any clipping for the learner."""

    score: float  # sum of the raw rewards
    length: int  # agent decisions
    frames: int  # emulator frames
    seed: int  # of the last seeded reset before it


@runtime_checkable
class Stateful(Protocol):
    """An object whose whole state fits into a checkpoint, as tensors and plain Python values."""

    def state_dict(self) -> State:
        """Return the complete state: a new object that loads it continues bit for bit."""

    def load_state_dict(self, state: State) -> None:
        """Restore a state that `state_dict` returned."""


@dataclass(frozen=True, slots=True)
class EnvSpec:
    """Shapes and names of a vector of environments."""

    num_envs: int  # N
    observation_shape: tuple[int, int, int]  # (C, H, W), C = stack * frame_channels
    frame_channels: int  # channels of one frame: 1 gray, 3 colour
    action_meanings: tuple[str, ...]  # A names, such as ("NOOP", "FIRE", "UP")
    frameskip: int  # emulator frames per env step
    mask_size: int = field(default=0, compare=False)  # A in a world with action masks (`rlvision.core.action_masks`)

    @property
    def num_actions(self) -> int:
        """Return A, the number of actions."""
        return len(self.action_meanings)

    @property
    def stack(self) -> int:
        """Return the number of frames in one observation."""
        return self.observation_shape[0] // self.frame_channels


class VectorEnv(Stateful, Protocol):
    """N environments stepped together; the next step resets those that ended (NEXT_STEP)."""

    @property
    def spec(self) -> EnvSpec:
        """Return the shapes and names."""

    @property
    def observation(self) -> UInt8Array:
        """Return the current observations [N, C, H, W] uint8, oldest frame first; the array is never overwritten."""

    @property
    def first(self) -> BoolArray:
        """Return which observations come from a reset, [N]: the ``first`` of the row that the next `recv` returns."""

    def reset(self, seed: int) -> UInt8Array:
        """Reset every environment, environment i with a seed derived from (seed, i)."""

    def send(self, action: IntArray) -> None:
        """Hand over the actions [N] and return at once; the environments step in the background."""

    def recv(self) -> EnvStep:
        """Wait for the step begun by `send` and return its complete row."""

    def step(self, action: IntArray) -> EnvStep:
        """Call `send` and return the row of `recv`."""

    def seeds(self) -> tuple[int, ...]:
        """Return N seeds, that of each environment's last seeded reset."""

    def close(self) -> None:
        """Release processes and emulators; may be called twice."""


class Policy(Protocol):
    """A rule that chooses actions."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """Return actions [N].

        Args:
            observation: [N, C, H, W] uint8.
            first: which observations come from a reset, [N]; a policy that keeps state between steps clears it there.
            env_steps: decisions of training so far.
        """


class TrainingPolicy(Policy, Stateful, Protocol):
    """A policy that explores; a checkpoint holds its random numbers and its state between steps."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int, part: slice = ALL) -> IntArray:
        """Return actions [n] as `Policy.act` does, for the environments of ``part``, n of the N."""

    def metrics(self, env_steps: int) -> Mapping[str, float]:
        """Return the current values of its schedules, by metric name."""


class Memory(Stateful, Protocol):
    """A store of experience that turns steps into batches."""

    def add(self, step: EnvStep) -> None:
        """Store the next row of experience."""

    def batches(self) -> Iterator[Batch]:
        """Yield the batches that are due: none before learning starts."""

    def update_priorities(self, index: Tensor, priority: Tensor) -> None:
        """Set the priorities [B] of the transitions in the last batch."""

    def metrics(self) -> Mapping[str, float]:
        """Return its fill level, by metric name."""

    def save_rows(self, folder: Path) -> Rows:
        """Write the rows, which are too large for a checkpoint, into ``folder``, and return the list of its files.

        Only rows added since the last call are written. A memory without such rows returns an empty list.
        """

    def load_rows(self, folder: Path, rows: Rows, progress: Progress) -> None:
        """Read the files of `save_rows`; the caller then calls `load_state_dict`.

        Without this call the memory starts empty, and fills as in a new run before learning starts.

        Raises:
            CheckpointError: a file is missing or damaged.
        """


class Learner(Stateful, Protocol):
    """A method that trains the network on batches."""

    @property
    def updates(self) -> int:
        """Return the number of gradient steps so far."""

    def update(self, batch: Batch) -> Update:
        """Make one gradient step.

        Raises:
            DivergedError: the loss or a gradient is not finite; no weight has changed.
        """

    def metrics(self) -> Mapping[str, float]:
        """Return the current values of its schedules, by metric name."""

    def diagnose(self) -> Mapping[str, Tensor]:
        """Return diagnostics of the network, tensors [] by metric name; called once per log interval."""

    def distributions(self) -> Mapping[str, Tensor]:
        """Return values [..] for histograms, by metric name; called at each evaluation."""


class Tracker(Protocol):
    """A destination of metrics."""

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Record one row of metrics, measured after ``env_steps`` decisions."""

    def close(self) -> None:
        """Flush the rows and release the destination; may be called twice."""
