"""Samplers, which draw the transitions of a batch: their interface, and the one that draws all alike."""

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from rlvision.core.memory import to_device
from rlvision.core.types import IntArray, State
from rlvision.replay.valid_starts import ValidStarts

if TYPE_CHECKING:
    from rlvision.replay.storage import RingBuffer


class Sampler(Protocol):
    """A way to draw the starts of a batch, with random numbers from a CPU generator."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""

    def refresh(self, rows: IntArray) -> None:
        """Check again whether these rows [R] are valid starts."""

    def sample(self, batch_size: int, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return indices [B] int64, row * N + environment, and importance weights [B] float32 with exponent β."""

    def update(self, index: Tensor, priority: Tensor) -> None:
        """Set the priorities [B] of transitions."""

    def metrics(self) -> dict[str, float]:
        """Return metrics for the tracker."""

    def state_dict(self) -> State:
        """Return the state that does not follow from the rows."""

    def load_state_dict(self, state: State) -> None:
        """Restore a state; the rows are already loaded."""


class UniformSampler:
    """A sampler that draws every start with the same probability."""

    def __init__(self, ring: "RingBuffer", starts: ValidStarts) -> None:
        self._device = ring.device
        self._starts = starts

    @property
    def nbytes(self) -> int:
        """Zero: it stores nothing."""
        return 0

    def refresh(self, rows: IntArray) -> None:
        """Do nothing: `ValidStarts` is up to date."""

    def sample(self, batch_size: int, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return indices [B], drawn with replacement, and weights of 1."""
        position = torch.randint(self._starts.count, (batch_size,), generator=generator).numpy()
        index = torch.from_numpy(self._starts.at(position))
        return to_device(index, self._device), torch.ones(batch_size, device=self._device)

    def update(self, index: Tensor, priority: Tensor) -> None:
        """Do nothing: there are no priorities."""

    def metrics(self) -> dict[str, float]:
        """Return nothing: there are no priorities."""
        return {}

    def state_dict(self) -> State:
        """Return nothing: the rows determine everything."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Do nothing: there is no state."""
