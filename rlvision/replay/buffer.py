"""The one replay: single-frame, n-step, uniform or prioritised, for any number of environments."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.types import Batch, EnvStep, IntArray, Progress, State
from rlvision.replay.budget import check_budget
from rlvision.replay.frame_store import Compression
from rlvision.replay.n_step import RewardTransform, Windows
from rlvision.replay.persistence import Manifest, Segments
from rlvision.replay.samplers import Prioritised, PrioritySettings, Selection, Uniform
from rlvision.replay.storage import Ring, ring_bytes
from rlvision.replay.sum_tree import SumTree
from rlvision.replay.valid_starts import BYTES_PER_CELL, Starts


class Replay:
    """A `Memory` of the last transitions, from which each batch is drawn anew.

    Rows are stored as they come (`Ring`); which of them start a transition is known at any time
    (`Starts`); some are drawn (`Selection`) and only then assembled (`Windows`), so n and γ may
    change between two batches.

    Args:
        capacity: transitions; T = capacity // num_envs rows are kept.
        num_envs: N.
        frame_shape: (c, H, W) of one frame.
        stack: frames of an observation.
        n_step: n, rewards summed before bootstrapping.
        gamma: γ.
        batch_size: B.
        samples_per_env_step: transitions learned from for each collected; the replay ratio, exact.
        learning_starts: env steps before the first batch.
        generator: of the CPU, for every draw; its state is part of this one's.
        reward_transform: what to make of raw rewards before they are summed, such as clipping.
        priority: how to prioritise; None: every transition alike.
        device: where the rows live.
        compression: ``none``, or how frames are packed (on the CPU only); batches are the same bit for bit.

    Raises:
        ConfigError: The capacity does not hold one window, frames would be packed on a GPU, or priorities kept on a
            device without float64.
        MemoryBudgetError: The rows would not fit into the memory that is free.
    """

    def __init__(
        self,
        *,
        capacity: int,
        num_envs: int,
        frame_shape: tuple[int, int, int],
        stack: int,
        n_step: int,
        gamma: float,
        batch_size: int,
        samples_per_env_step: Fraction | float,
        learning_starts: int,
        generator: torch.Generator,
        reward_transform: RewardTransform | None = None,
        priority: PrioritySettings | None = None,
        device: torch.device | str = "cpu",
        compression: Compression = "none",
    ) -> None:
        device = torch.device(device)
        length = capacity // num_envs
        _check_horizon(n_step, gamma, stack, length)
        prioritised = priority is not None
        if prioritised and device.type == "mps":
            raise ConfigError(
                "expected a device with float64 for prioritised replay, got mps, which has none: leave "
                "replay.prioritised out, or set --device=cpu"
            )
        needed = required_bytes(capacity, num_envs, frame_shape, prioritised=prioritised, compression=compression)
        what = f"a replay of {capacity:,} transitions with frames {frame_shape}"
        check_budget(needed, device, what, "lower replay.capacity")
        self.priority = priority
        self._stack = stack
        self._n_step = n_step
        self._gamma = gamma
        self._batch_size = batch_size
        self._generator = generator
        self._ratio = ReplayRatio(samples_per_env_step, batch_size, learning_starts)
        self._ring = Ring(length, num_envs, frame_shape, device, compression)
        self._starts = Starts(length, num_envs, stack, n_step)
        self._windows = Windows(self._ring, stack, n_step, gamma, reward_transform)
        self._segments = Segments(self._ring)
        self._selection: Selection = (
            Uniform(self._ring, self._starts) if priority is None else Prioritised(self._ring, self._starts, priority)
        )

    @property
    def n_step(self) -> int:
        """n, rewards summed before bootstrapping."""
        return self._n_step

    @property
    def gamma(self) -> float:
        """γ, the discount of one step."""
        return self._gamma

    @property
    def nbytes(self) -> int:
        """Memory of all of it, bytes; of packed frames, those there are."""
        return self._ring.nbytes + self._starts.nbytes + self._selection.nbytes

    @property
    def size(self) -> int:
        """Transitions that a batch may hold right now."""
        return self._starts.count

    def set_horizon(self, n_step: int, gamma: float) -> None:
        """Learn from windows of another n, discounted by another γ, from the next batch on.

        Raises:
            ConfigError: The capacity does not hold one such window, or γ is not in [0, 1].
        """
        _check_horizon(n_step, gamma, self._stack, self._ring.length)
        reach = max(n_step, self._n_step) + 1
        self._n_step, self._gamma = n_step, gamma
        self._windows.set_horizon(n_step, gamma)
        self._starts.set_n_step(n_step)
        self._selection.refresh(np.arange(max(self._ring.oldest, self._ring.rows - reach), self._ring.rows))

    def add(self, step: EnvStep) -> None:
        """Take the next row; of its stacks only the newest frames are kept.

        Raises:
            EnvError: The observation does not have the shape this replay was built for.
        """
        self._ring.write(step)
        self._starts.extend(step.first[None])
        self._selection.refresh(self._rows_to_refresh())

    def batches(self) -> Iterator[Batch]:
        """The batches owed by now, each drawn when it is asked for, with the priorities of that moment."""
        while self.size and self._ratio.owed(self._env_steps) > 0:
            self._ratio.made += 1
            yield self.sample()

    def sample(self) -> Batch:
        """One batch, owed or not; there must be starts to draw from (``size`` > 0)."""
        index, importance_weight = self._selection.draw(self._batch_size, self._generator)
        return Batch(self._windows.read(index), index, importance_weight)

    def update_priorities(self, index: Tensor, priority: Tensor) -> None:
        """Take over how surprising [B] transitions were; those overwritten meanwhile are ignored."""
        self._selection.update(index, priority)

    def metrics(self) -> dict[str, float]:
        """How much there is, and how surprising."""
        return {"replay/size": float(self.size), **self._selection.metrics()}

    def state_dict(self) -> State:
        """All but the rows: they travel by `save_rows` and `load_rows`."""
        return {
            "layout": self._layout,
            "rows": self._ring.rows,
            "made": self._ratio.made,
            "n_step": self._n_step,
            "gamma": self._gamma,
            "generator": self._generator.get_state(),
            "selection": self._selection.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Take over a state; its rows must have been loaded before.

        Without them the replay starts empty, and gathers ``learning_starts`` env steps before it
        learns again.

        Raises:
            CheckpointError: The state is of another kind of replay, or of other rows.
        """
        self._check_state(state)
        self.set_horizon(state["n_step"], state["gamma"])
        self._generator.set_state(state["generator"])
        self._selection.load_state_dict(state["selection"])
        self._ratio.made = state["made"] if self._ring.rows else 0

    def save_rows(self, folder: Path) -> Manifest:
        """Write the rows added since the last call into a new file of ``folder``.

        Returns:
            The files of which the replay consists now, for the checkpoint and for
            `collect_garbage`: plain dicts, oldest rows first.
        """
        return self._segments.save(folder)

    def load_rows(self, folder: Path, manifest: Manifest, progress: Progress = lambda done, total: None) -> None:
        """Fill the replay with saved rows; to be followed by `load_state_dict`.

        Args:
            folder: where their files are.
            manifest: which of them, as `save_rows` returned it.
            progress: is told how far it is, in rows, each read twice: checked, then taken.

        Raises:
            CheckpointError: A file is missing or damaged, or the rows are those of another replay.
        """
        self._segments.load(folder, manifest, progress)
        rows = np.arange(self._ring.oldest, self._ring.rows)
        self._starts.restart(self._ring.oldest)
        if len(rows):
            self._starts.extend(self._ring.first(rows))

    @property
    def _env_steps(self) -> int:
        return self._ring.rows * self._ring.num_envs

    @property
    def _layout(self) -> list[int | bool]:
        ring = self._ring
        return [ring.length, ring.num_envs, *ring.frame_shape, self.priority is not None]

    def _rows_to_refresh(self) -> IntArray:
        """The newest row, in whose slot another one was; the row now n steps old; those that may lack frames now."""
        ring, newest = self._ring, self._ring.rows - 1
        complete = [newest - self._n_step] if newest >= self._n_step else []
        cropped = range(ring.oldest, ring.oldest + self._stack - 1) if ring.oldest else ()
        return np.array([newest, *complete, *cropped])

    def _check_state(self, state: State) -> None:
        if state["layout"] != self._layout:
            raise CheckpointError(
                f"expected the state of a replay with rows, environments, frame and priorities {self._layout}, "
                f"got {state['layout']}: resume with the settings of the run"
            )
        if self._ring.rows not in (0, state["rows"]):
            raise CheckpointError(
                f"expected the state of a replay of {self._ring.rows} rows, got one of {state['rows']}: "
                "load the rows of the same checkpoint first, or load into a new replay"
            )


def required_bytes(
    capacity: int,
    num_envs: int,
    frame_shape: tuple[int, int, int],
    *,
    prioritised: bool,
    compression: Compression = "none",
) -> int:
    """Memory of a replay that is full, bytes, reckoned without allocating any.

    Args:
        capacity: transitions.
        num_envs: N.
        frame_shape: (c, H, W) of one frame.
        prioritised: whether it keeps priorities.
        compression: how frames are packed; then it is what most games take at most.
    """
    cells = capacity // num_envs * num_envs
    tree = SumTree(cells + 1, torch.device("meta")).nbytes if prioritised else 0
    return ring_bytes(cells, math.prod(frame_shape), compression) + cells * BYTES_PER_CELL + tree


def _check_horizon(n_step: int, gamma: float, stack: int, length: int) -> None:
    if n_step < 1 or not 0 <= gamma <= 1:
        raise ConfigError(f"expected n_step >= 1 and 0 <= gamma <= 1, got {n_step} and {gamma}")
    if length < stack + n_step:
        raise ConfigError(
            f"expected a capacity of at least (stack + n_step) * num_envs, that is {stack + n_step} rows, "
            f"got {length} rows: raise replay.capacity"
        )


class ReplayRatio:
    """Batches in exact proportion to experience, whatever the number of environments.

    After s env steps, floor(ratio * (s - learning_starts) / batch_size) batches are due in all.
    Rational arithmetic: no debt is lost to rounding, however long the run.

    Args:
        samples_per_env_step: transitions learned from for each transition collected; a float counts
            as the decimal it is written as.
        batch_size: B.
        learning_starts: env steps before the first batch.
    """

    def __init__(self, samples_per_env_step: Fraction | float, batch_size: int, learning_starts: int) -> None:
        self._batches_per_env_step = Fraction(str(samples_per_env_step)) / batch_size
        self._learning_starts = learning_starts
        self.made = 0

    def owed(self, env_steps: int) -> int:
        """Batches due after ``env_steps`` and not made yet."""
        due = self._batches_per_env_step * max(0, env_steps - self._learning_starts)
        return int(due) - self.made
