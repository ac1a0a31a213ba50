"""A sum tree, which samples indices in proportion to their mass, in batches, on any device."""

from itertools import pairwise

import torch
from torch import Tensor

BRANCHES = 128
"""Children of a node. A wide node costs one small cumulative sum, and a million leaves need three levels."""


class SumTree:
    """A tree whose leaves carry masses and whose nodes carry the sums of their children.

    ::

        root                    20                    target 13.5: 13.5 >= 9, go right with 4.5
        nodes           9               11            4.5 >= 4, go right with 0.5
        leaves      2   7   0       4   6   1         0.5 < 6: the leaf

    (drawn with three branches). A node is always the sum of its children in float64, so no error builds
    up. A leaf without mass is never sampled, however sums are rounded.

    Source: Schaul et al., "Prioritized Experience Replay" (2016), appendix B.2.1.

    Args:
        capacity: Number of leaves.
        device: Device of the tree.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self._levels: list[Tensor] = []  # each [nodes, BRANCHES] float64, the leaves first
        nodes = capacity
        while nodes > 1 or not self._levels:
            nodes = -(-nodes // BRANCHES)
            self._levels.append(torch.zeros(nodes, BRANCHES, dtype=torch.float64, device=device))
        self._capacity = capacity

    @property
    def leaves(self) -> Tensor:
        """The masses of all leaves, [capacity] float64; change them by `set` or `fill` only."""
        return self._levels[0].view(-1)[: self._capacity]

    @property
    def total(self) -> Tensor:
        """The total mass of all leaves, [] float64."""
        return self._levels[-1].sum()

    @property
    def nbytes(self) -> int:
        """Bytes of the tree."""
        return sum(level.nbytes for level in self._levels)

    def set(self, index: Tensor, mass: Tensor) -> None:
        """Set the masses [B] float64 >= 0 of leaves ``index`` [B]; a leaf that occurs twice gets the larger one."""
        self.leaves.index_fill_(0, index, 0.0).scatter_reduce_(0, index, mass, "amax")
        for children, parents in pairwise(self._levels):
            index = index // BRANCHES
            parents.view(-1)[index] = children[index].sum(dim=1)

    def fill(self, mass: Tensor) -> None:
        """Set the masses of the first leaves, [<= capacity] float64, and zero for all others."""
        self.leaves.zero_()[: len(mass)] = mass
        for children, parents in pairwise(self._levels):
            parents.view(-1)[: len(children)] = children.sum(dim=1)

    def sample(self, target: Tensor) -> Tensor:
        """Return the leaves [B] int64 at which the cumulative sum of masses first exceeds ``target``.

        The tree must have some mass.

        Args:
            target: In [0, total], [B] float64; rounding may put it slightly above.
        """
        node = torch.zeros_like(target, dtype=torch.int64)  # [B]
        for level in reversed(self._levels):
            mass = level[node]  # [B, BRANCHES]
            child, target = _descend(mass, target)
            node = node * BRANCHES + child
        return node


def running_sums(mass: Tensor) -> Tensor:
    """Return the cumulative sums of rows [B, K] float64, reproducibly: a GPU's ``cumsum`` varies its order."""
    if mass.device.type != "cuda":
        return mass.cumsum(dim=1)
    return by_product(mass)


def by_product(mass: Tensor) -> Tensor:
    """Return the cumulative sums of rows [B, K] as a product with a triangle of ones."""
    triangle = torch.ones(mass.shape[1], mass.shape[1], dtype=mass.dtype, device=mass.device).triu()
    return mass @ triangle


def _descend(mass: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Choose a child with mass for each target [B] among [B, BRANCHES]; return it and the rest of the target.

    A parallel cumulative sum need not be monotone in its last bits, and rounding may put a target above the sum.
    So children without mass are excluded, and the target is clipped below the largest remaining sum.
    """
    reach = running_sums(mass)  # [B, BRANCHES]
    reach_with_mass = torch.where(mass > 0, reach, 0.0)
    highest = reach_with_mass.amax(dim=1)  # [B]
    target = torch.minimum(target, torch.nextafter(highest, torch.zeros_like(highest)))
    child = (reach_with_mass > target[:, None]).byte().argmax(dim=1, keepdim=True)  # [B, 1] the first
    left_of_child = (reach - mass).gather(1, child)  # [B, 1]
    return child.squeeze(1), (target - left_of_child.squeeze(1)).clamp(min=0.0)
