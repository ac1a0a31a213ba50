"""The sampler of prioritised replay, which draws transitions in proportion to their priority."""

from typing import TYPE_CHECKING

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


class PrioritisedSampler:
    """A sampler in proportion to (|TD error| + ε)^α, with one draw from each of B equal strata of the mass.

    A new start gets the largest priority seen so far, so that it is learned from soon.

    Source: Schaul et al., "Prioritized Experience Replay" (2016), sections 3.3 and 3.4.

    Args:
        ring: the rows.
        starts: the rows that are valid starts.
        settings: α and ε; each call of `sample` gets its β.
    """

    def __init__(self, ring: "RingBuffer", starts: ValidStarts, settings: ReplaySettings) -> None:
        self._ring = ring
        self._starts = starts
        self._settings = settings
        self._spare = ring.cells  # a leaf that never has mass, for writes without effect
        self._tree = SumTree(ring.cells + 1, ring.device)
        self._largest = torch.ones((), dtype=torch.float64, device=ring.device)  # [] priority seen

    @property
    def mass(self) -> Tensor:
        """(priority + ε)^α of each cell of the ring, 0 for cells that are no start, [T * N] float64."""
        return self._tree.leaves[: self._spare]

    @property
    def nbytes(self) -> int:
        """Bytes of the sum tree."""
        return self._tree.nbytes

    def refresh(self, rows: IntArray) -> None:
        """Keep the mass of rows that are starts, give new starts the largest mass, and set all others to zero."""
        ring = self._ring
        cells = (rows[:, None] * ring.num_envs + np.arange(ring.num_envs)) % ring.cells  # [R, N]
        cell = to_device(torch.from_numpy(cells.ravel()), ring.device)
        is_start = to_device(torch.from_numpy(self._starts.are_valid(rows).ravel()), ring.device)
        mass = self.mass[cell]
        mass = torch.where(mass > 0, mass, self._largest**self._settings.alpha)
        self._tree.set(cell, torch.where(is_start, mass, 0.0))

    def sample(self, batch_size: int, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return stratified indices, and weights (N P)^-β divided by the batch's largest: N cancels out."""
        uniform = torch.rand(batch_size, dtype=torch.float64, generator=generator)
        strata = (torch.arange(batch_size) + uniform) / batch_size  # [B] in [0, 1)
        cell = self._tree.sample(to_device(strata, self._ring.device) * self._tree.total)
        mass = self.mass[cell]
        oldest = self._ring.oldest * self._ring.num_envs
        index = oldest + (cell - oldest) % self._ring.cells
        return index, (mass.min() / mass).pow(beta).float()

    def update(self, index: Tensor, priority: Tensor) -> None:
        """Set new masses; a transition that occurs twice gets the larger one.

        Transitions that were overwritten, or that are no valid start any more, write a zero to the spare leaf.
        """
        priority = priority.detach().double() + self._settings.priority_epsilon  # [B]
        cell = index % self._ring.cells
        here = (index >= self._ring.oldest * self._ring.num_envs) & (self.mass[cell] > 0)
        mass = torch.where(here, priority**self._settings.alpha, 0.0)
        self._tree.set(torch.where(here, cell, self._spare), mass)
        self._largest = torch.maximum(self._largest, priority.max())

    def metrics(self) -> dict[str, float]:
        """Return mean and maximum of |TD error| + ε over the starts; nothing for α = 0, where all masses are 1."""
        mass = self.mass[self.mass > 0]
        if not (len(mass) and self._settings.alpha):
            return {}
        priority = mass ** (1 / self._settings.alpha)
        return {"replay/priority_mean": float(priority.mean()), "replay/priority_max": float(priority.max())}

    def state_dict(self) -> State:
        """Return the largest priority, and the masses of all cells in use."""
        in_use = min(self._ring.rows * self._ring.num_envs, self._ring.cells)
        return {"largest": self._largest.clone(), "mass": self.mass[:in_use].clone()}

    def load_state_dict(self, state: State) -> None:
        """Restore the largest priority, and the masses if the rows were loaded."""
        self._largest = state["largest"].to(self._ring.device).clone()
        self._tree.fill(state["mass"].to(self._ring.device) if self._ring.rows else self.mass[:0])
