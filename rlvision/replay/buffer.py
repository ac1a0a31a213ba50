"""The replay buffer: frames stored once, n-step returns, uniform or prioritised, any number of environments."""

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.memory import check_budget
from rlvision.core.types import Batch, EnvSpec, EnvStep, IntArray, Progress, RewardTransform, Rows, Schedule, State
from rlvision.core.wording import as_written
from rlvision.replay.n_step import NStepAssembler
from rlvision.replay.persistence import Segments
from rlvision.replay.prioritised_sampler import PrioritisedSampler
from rlvision.replay.samplers import Sampler, UniformSampler
from rlvision.replay.settings import ReplaySettings
from rlvision.replay.storage import RingBuffer, ring_buffer_bytes
from rlvision.replay.sum_tree import SumTree
from rlvision.replay.valid_starts import BYTES_PER_CELL, ValidStarts


class ReplayBuffer:
    """A `Memory` of the last transitions, from which batches are sampled.

    `RingBuffer` stores the rows in their order; `ValidStarts` knows which rows start a transition. A `Sampler` draws
    from these, and `NStepAssembler` builds the transitions at that moment, so n and γ may change between batches.

    Args:
        settings: capacity, ratio, priorities and the like; T = capacity // num_envs rows are kept.
        spec: of the environments: N, and the shapes of frames and stacks.
        n_step: n, rewards summed before bootstrapping, as a function of env steps; rounded.
        gamma: γ as a function of env steps.
        beta: exponent of the importance weights as a function of env steps, for prioritised replay.
        generator: CPU generator of all draws; `state_dict` holds its state.
        reward_transform: applied to raw rewards before they are summed, such as clipping.
        device: device of the rows.

    Raises:
        ConfigError: The capacity does not hold one window, frames would be compressed on a GPU, or the device of the
            priorities has no float64.
        MemoryBudgetError: The rows would not fit into the free memory.
    """

    respects_masks = True

    def __init__(
        self,
        settings: ReplaySettings,
        spec: EnvSpec,
        *,
        n_step: Schedule,
        gamma: Schedule,
        beta: Schedule,
        generator: torch.Generator,
        reward_transform: RewardTransform | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        device = torch.device(device)
        length = settings.capacity // spec.num_envs
        self._stack, self._generator = spec.stack, generator
        self._n_schedule, self._gamma_schedule, self._beta = n_step, gamma, beta
        self._n_step, self._gamma = round(n_step(0)), gamma(0)
        _check_horizon(self._n_step, self._gamma, spec.stack, length)
        _check_fits(settings, spec, device)
        self._batch_size = settings.batch_size
        self._is_prioritised = settings.prioritised
        self._rows_before = 0  # rows of the run from before a continuation without its replay
        self._ratio = ReplayRatio(settings.samples_per_env_step, settings.batch_size, settings.learning_starts)
        self._ring = RingBuffer(length, spec.num_envs, frame_shape(spec), device, settings.compression, spec.mask_size)
        self._starts = ValidStarts(length, spec.num_envs, spec.stack, self._n_step)
        self._assembler = NStepAssembler(self._ring, spec.stack, self._n_step, self._gamma, reward_transform)
        self._sampler: Sampler = (
            PrioritisedSampler(self._ring, self._starts, settings)
            if settings.prioritised
            else UniformSampler(self._ring, self._starts)
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
        """Bytes of memory in use; compressed frames count with their actual size."""
        return self._ring.nbytes + self._starts.nbytes + self._sampler.nbytes

    @property
    def env_steps(self) -> int:
        """Env steps of the run so far, including those before a continuation without its replay."""
        return (self._rows_before + self._ring.rows) * self._ring.num_envs

    @property
    def size(self) -> int:
        """Number of transitions that can be sampled now."""
        return self._starts.count

    @cached_property
    def _segments(self) -> Segments:
        return Segments(self._ring)

    def set_horizon(self, n_step: int, gamma: float) -> None:
        """Change n and γ of the returns, from the next batch on.

        Raises:
            ConfigError: The capacity does not hold one such window, or γ is not in [0, 1].
        """
        _check_horizon(n_step, gamma, self._stack, self._ring.length)
        reach = max(n_step, self._n_step) + 1
        self._n_step, self._gamma = n_step, gamma
        self._assembler.set_horizon(n_step, gamma)
        self._starts.set_n_step(n_step)
        self._sampler.refresh(np.arange(max(self._ring.oldest, self._ring.rows - reach), self._ring.rows))

    def add(self, step: EnvStep) -> None:
        """Add a row; only the newest frame of each stack is stored.

        Raises:
            EnvError: The observation does not have the shape that this replay was built for.
        """
        self._ring.append(step)
        self._starts.extend(step.first[None])
        self._sampler.refresh(self._rows_to_refresh())

    def batches(self) -> Iterator[Batch]:
        """Yield the batches that are due, each sampled by the priorities of the moment it is asked for."""
        self._follow_schedules()
        while self.size and self._ratio.due(self._ring.rows * self._ring.num_envs) > 0:
            self._ratio.made += 1
            yield self.sample()

    def sample(self) -> Batch:
        """Return one batch, due or not; the replay must not be empty (``size`` > 0)."""
        index, importance_weight = self._sampler.sample(self._batch_size, self._beta(self.env_steps), self._generator)
        return Batch(self._assembler.gather(index), index, importance_weight)

    def update_priorities(self, index: Tensor, priority: Tensor) -> None:
        """Set the priorities [B] of transitions, by the ``index`` of their batch; ignore overwritten ones."""
        self._sampler.update(index, priority)

    def metrics(self) -> dict[str, float]:
        """Return the size, the priorities, and the current values of the schedules."""
        beta = {"replay/beta": self._beta(self.env_steps)} if self._is_prioritised else {}
        horizon = {"replay/n_step": float(self._n_step), "replay/gamma": self._gamma}
        return {"replay/size": float(self.size), **horizon, **beta, **self._sampler.metrics()}

    def state_dict(self) -> State:
        """Return the state without the rows, which `save_rows` and `load_rows` handle."""
        return {
            "layout": self._layout,
            "rows": self._ring.rows,
            "rows_before": self._rows_before,
            "made": self._ratio.made,
            "n_step": self._n_step,
            "gamma": self._gamma,
            "generator": self._generator.get_state(),
            "sampler": self._sampler.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore a state after `load_rows`.

        Without its rows the replay starts empty, and gathers ``learning_starts`` env steps before it
        learns again.

        Raises:
            CheckpointError: The state is of another kind of replay, or of other rows.
        """
        self._check_state(state)
        self.set_horizon(state["n_step"], state["gamma"])
        self._generator.set_state(state["generator"])
        self._sampler.load_state_dict(state["sampler"])
        self._ratio.made = state["made"] if self._ring.rows else 0
        self._rows_before = state["rows_before"] + state["rows"] - self._ring.rows

    def save_rows(self, folder: Path) -> Rows:
        """Write the rows added since the last call into a new file in ``folder``.

        Returns:
            All files that now hold the rows of the replay, for the checkpoint and for
            `collect_garbage`: plain dicts, oldest rows first.
        """
        return self._segments.save(folder)

    def load_rows(self, folder: Path, rows: Rows, progress: Progress = lambda done, total: None) -> None:
        """Fill the replay with saved rows; call `load_state_dict` next.

        Args:
            folder: the folder of the files.
            rows: the files, as `save_rows` returned them.
            progress: called with the rows read so far and in all; each is read twice, first to check it.

        Raises:
            CheckpointError: A file is missing or damaged, or the rows are those of another replay.
        """
        self._segments.load(folder, rows, progress)
        present = np.arange(self._ring.oldest, self._ring.rows)
        self._starts.restart(self._ring.oldest)
        if len(present):
            self._starts.extend(self._ring.first(present))

    def _follow_schedules(self) -> None:
        """Set n and γ to the current values of their schedules."""
        n_step, gamma = round(self._n_schedule(self.env_steps)), self._gamma_schedule(self.env_steps)
        if (n_step, gamma) != (self._n_step, self._gamma):
            self.set_horizon(n_step, gamma)

    @property
    def _layout(self) -> list[int | bool]:
        ring = self._ring
        return [ring.length, ring.num_envs, *ring.frame_shape, self._is_prioritised, *filter(None, [ring.mask_size])]

    def _rows_to_refresh(self) -> IntArray:
        """Return the newest row, the row whose n-step window it completes, and the rows that may have lost frames."""
        ring, newest = self._ring, self._ring.rows - 1
        complete = [newest - self._n_step] if newest >= self._n_step else []
        cropped = range(ring.oldest, ring.oldest + self._stack - 1) if ring.oldest else ()
        return np.array([newest, *complete, *cropped])

    def _check_state(self, state: State) -> None:
        if state["layout"] != self._layout:
            raise CheckpointError(
                f"expected the state of a replay with rows, environments, frame, priorities and mask {self._layout}, "
                f"got {state['layout']}: resume with the settings of the run"
            )
        if self._ring.rows not in (0, state["rows"]):
            raise CheckpointError(
                f"expected the state of a replay of {self._ring.rows} rows, got one of {state['rows']}: "
                "load the rows of the same checkpoint first, or load into a new replay"
            )


def frame_shape(spec: EnvSpec) -> tuple[int, int, int]:
    """Return (c, H, W) of one frame."""
    _, height, width = spec.observation_shape
    return spec.frame_channels, height, width


def required_bytes(settings: ReplaySettings, spec: EnvSpec) -> int:
    """Return the bytes of a full replay, without allocating it; for compressed frames, what most games need."""
    cells = settings.capacity // spec.num_envs * spec.num_envs
    tree = SumTree(cells + 1, torch.device("meta")).nbytes if settings.prioritised else 0
    rows = ring_buffer_bytes(cells, math.prod(frame_shape(spec)), settings.compression, spec.mask_size)
    return rows + cells * BYTES_PER_CELL + tree


def _check_fits(settings: ReplaySettings, spec: EnvSpec, device: torch.device) -> None:
    if settings.prioritised and device.type == "mps":
        raise ConfigError(
            "expected a device with float64 for prioritised replay, got mps, which has none: leave "
            f"replay.prioritised out, or set {as_written('device', 'cpu')}"
        )
    what = f"a replay of {settings.capacity:,} transitions with frames {frame_shape(spec)}"
    check_budget(required_bytes(settings, spec), device, what, "lower replay.capacity")


def _check_horizon(n_step: int, gamma: float, stack: int, length: int) -> None:
    if n_step < 1 or not 0 <= gamma <= 1:
        raise ConfigError(f"expected n_step >= 1 and 0 <= gamma <= 1, got {n_step} and {gamma}")
    if length < stack + n_step:
        raise ConfigError(
            f"expected a capacity of at least (stack + n_step) * num_envs, that is {stack + n_step} rows, "
            f"got {length} rows: raise replay.capacity"
        )


class ReplayRatio:
    """A counter of the batches that are due, in exact proportion to env steps.

    After s env steps, floor(ratio * (s - learning_starts) / batch_size) batches are due in all.
    Rational arithmetic keeps the count exact in runs of any length.

    Args:
        samples_per_env_step: the ratio, transitions learned from per env step; a float stands for the
            decimal that it is printed as.
        batch_size: B.
        learning_starts: env steps before the first batch.
    """

    def __init__(self, samples_per_env_step: float, batch_size: int, learning_starts: int) -> None:
        self._batches_per_env_step = Fraction(str(samples_per_env_step)) / batch_size
        self._learning_starts = learning_starts
        self.made = 0

    def due(self, env_steps: int) -> int:
        """Return the number of batches that are due after ``env_steps`` and not made yet."""
        due = self._batches_per_env_step * max(0, env_steps - self._learning_starts)
        return int(due) - self.made
