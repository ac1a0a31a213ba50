"""Which of the starts go into a batch: each alike, or the surprising ones more often."""

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from rlvision.core.memory import to_device
from rlvision.core.types import IntArray, State
from rlvision.replay.settings import ReplaySettings
from rlvision.replay.sum_tree import SumTree
from rlvision.replay.valid_starts import ValidStarts

if TYPE_CHECKING:
    from rlvision.replay.storage import RingBuffer


class Sampler(Protocol):
    """Draws the starts of a batch; random numbers come from a generator of the CPU."""

    @property
    def nbytes(self) -> int:
        """Memory of what it keeps, bytes."""

    def refresh(self, rows: IntArray) -> None:
        """Look anew whether these rows [R] are starts."""

    def sample(self, batch_size: int, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return indices [B] int64, row * N + environment, and importance weights [B] float32 with exponent β."""

    def update(self, index: Tensor, priority: Tensor) -> None:
        """Take over how surprising [B] transitions were."""

    def metrics(self) -> dict[str, float]:
        """A row for the tracker."""

    def state_dict(self) -> State:
        """What the rows do not tell."""

    def load_state_dict(self, state: State) -> None:
        """Take over a state; the rows are here already."""


class UniformSampler:
    """Every start is as likely as every other."""

    def __init__(self, ring: "RingBuffer", starts: ValidStarts) -> None:
        self._device = ring.device
        self._starts = starts

    @property
    def nbytes(self) -> int:
        """Nothing is kept."""
        return 0

    def refresh(self, rows: IntArray) -> None:
        """Nothing to do: the starts know themselves."""

    def sample(self, batch_size: int, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Indices with replacement, and weights of 1."""
        position = torch.randint(self._starts.count, (batch_size,), generator=generator).numpy()
        index = torch.from_numpy(self._starts.at(position))
        return to_device(index, self._device), torch.ones(batch_size, device=self._device)

    def update(self, index: Tensor, priority: Tensor) -> None:
        """Nothing to do: surprise changes nothing."""

    def metrics(self) -> dict[str, float]:
        """Nothing: there are no priorities."""
        return {}

    def state_dict(self) -> State:
        """Empty: the rows tell all."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing to take over."""


class PrioritisedSampler:
    """Starts are drawn in proportion to (|TD error| + ε)^α, one from each of B equal strata of the mass.

    A start enters with the largest priority seen so far, so that it is learned from soon.

    Source: Schaul et al., "Prioritized Experience Replay" (2016), sections 3.3 and 3.4.

    Args:
        ring: where the rows are.
        starts: which of them are starts.
        settings: α and ε; β comes with every draw.
    """

    def __init__(self, ring: "RingBuffer", starts: ValidStarts, settings: ReplaySettings) -> None:
        self._ring = ring
        self._starts = starts
        self._settings = settings
        self._spare = ring.cells  # a leaf that never has mass
        self._tree = SumTree(ring.cells + 1, ring.device)
        self._largest = torch.ones((), dtype=torch.float64, device=ring.device)  # [] priority seen

    @property
    def mass(self) -> Tensor:
        """(priority + ε)^α of each cell of the ring, 0 where no transition starts, [T * N] float64."""
        return self._tree.leaves[: self._spare]

    @property
    def nbytes(self) -> int:
        """Memory of the tree, bytes."""
        return self._tree.nbytes

    def refresh(self, rows: IntArray) -> None:
        """A row that is a start keeps its mass, or enters with the largest; any other has none."""
        ring = self._ring
        cells = (rows[:, None] * ring.num_envs + np.arange(ring.num_envs)) % ring.cells  # [R, N]
        cell = to_device(torch.from_numpy(cells.ravel()), ring.device)
        is_start = to_device(torch.from_numpy(self._starts.are_valid(rows).ravel()), ring.device)
        mass = self.mass[cell]
        mass = torch.where(mass > 0, mass, self._largest**self._settings.alpha)
        self._tree.set(cell, torch.where(is_start, mass, 0.0))

    def sample(self, batch_size: int, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Stratified indices, and (N P)^-β over the largest of the batch: N cancels out."""
        uniform = torch.rand(batch_size, dtype=torch.float64, generator=generator)
        strata = (torch.arange(batch_size) + uniform) / batch_size  # [B] in [0, 1)
        cell = self._tree.sample(to_device(strata, self._ring.device) * self._tree.total)
        mass = self.mass[cell]
        oldest = self._ring.oldest * self._ring.num_envs
        index = oldest + (cell - oldest) % self._ring.cells
        return index, (mass.min() / mass).pow(beta).float()

    def update(self, index: Tensor, priority: Tensor) -> None:
        """New masses for those still here; of a transition named twice the larger one.

        What has been overwritten meanwhile, or is no start any more, writes nothing to the spare leaf.
        """
        priority = priority.detach().double() + self._settings.priority_epsilon  # [B]
        cell = index % self._ring.cells
        here = (index >= self._ring.oldest * self._ring.num_envs) & (self.mass[cell] > 0)
        mass = torch.where(here, priority**self._settings.alpha, 0.0)
        self._tree.set(torch.where(here, cell, self._spare), mass)
        self._largest = torch.maximum(self._largest, priority.max())

    def metrics(self) -> dict[str, float]:
        """The mean and the largest |TD error| + ε of the starts, where α lets their masses tell."""
        mass = self.mass[self.mass > 0]
        if not (len(mass) and self._settings.alpha):
            return {}
        priority = mass ** (1 / self._settings.alpha)
        return {"replay/priority_mean": float(priority.mean()), "replay/priority_max": float(priority.max())}

    def state_dict(self) -> State:
        """The largest priority, and the masses of all cells in use."""
        in_use = min(self._ring.rows * self._ring.num_envs, self._ring.cells)
        return {"largest": self._largest.clone(), "mass": self.mass[:in_use].clone()}

    def load_state_dict(self, state: State) -> None:
        """Take over the largest priority, and the masses if the rows are here."""
        self._largest = state["largest"].to(self._ring.device).clone()
        self._tree.fill(state["mass"].to(self._ring.device) if self._ring.rows else self.mass[:0])
