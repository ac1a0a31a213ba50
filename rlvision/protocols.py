"""The six verbs: the whole architecture on one page.

A `VectorEnv` yields `EnvStep`s. The collector steps it with a `Policy` and hands every step to
the agent's `Memory`. Memory turns steps into `Batch`es of transitions, as many as it owes. The
`Learner` makes one `Update` of a batch; the update's priorities go back to Memory, its metrics to
the `Tracker`, its weights are the Policy's at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor

from rlvision.types import Batch, EnvStep, FloatArray, IntArray, State, UInt8Array, Update


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
    """Chooses actions."""

    def act(self, observation: UInt8Array, env_steps: int) -> IntArray:
        """Actions [N] for observations [N, C, H, W] after ``env_steps`` decisions of training."""


class Memory(Stateful, Protocol):
    """Turns steps into batches."""

    def add(self, step: EnvStep) -> None:
        """Take the next row of experience."""

    def batches(self) -> Iterator[Batch]:
        """The batches owed by now: none before learning starts."""

    def update_priorities(self, index: Tensor, priority: Tensor) -> None:
        """Tell how surprising [B] transitions were when last learned from."""


class Learner(Stateful, Protocol):
    """Improves the network."""

    def update(self, batch: Batch) -> Update:
        """One gradient step."""


class Tracker(Protocol):
    """Keeps what is measured."""

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """One row of metrics, measured after ``env_steps`` decisions."""

    def close(self) -> None:
        """Flush and release; may be called twice."""


Exhibit = Path | FloatArray
"""A picture (.png) or video (.mp4) by its file, or numbers [n] whose distribution is of interest."""


@runtime_checkable
class Gallery(Protocol):
    """A tracker that also takes what is no number."""

    def show(self, exhibits: Mapping[str, Exhibit], env_steps: int) -> None:
        """Pictures, videos and distributions by name, to be seen with the row that comes next."""

    def keep(self, name: str, files: Mapping[str, Path]) -> None:
        """Store a version of some files, by their names in it, until there is a newer one called ``name``."""
