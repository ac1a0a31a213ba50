"""Augmentation: random changes of a batch's observations before the loss, against overfitting to pixels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from rlvision.core.types import State, Stateful, Transition


class Augmentation(Stateful, Protocol):
    """A random change of a batch's observations; checkpoints save its random generator."""

    def __call__(self, transition: Transition) -> Transition:
        """Return the batch with changed observations; actions, rewards and discounts stay."""


class RandomShift:
    """A shift of each observation by up to ``pixels`` in both directions (DrQ, Yarats et al. 2021).

    Edge pixels are repeated. s and s' of a transition move independently; the frames of one stack move together::

        padded   1 1 1 2 3 3 3      shifted by -1   1 1 2
        picture      1 2 3          shifted by +2   3 3 3

    Args:
        pixels: the largest shift; 4 in the paper, at 84x84.
        generator: the CPU generator of the shifts.
    """

    def __init__(self, pixels: int, generator: torch.Generator) -> None:
        self._pixels = pixels
        self._generator = generator

    def __call__(self, transition: Transition) -> Transition:
        """Return the batch with shifted observations [B, C, H, W] uint8."""
        return replace(
            transition,
            observation=self._shift(transition.observation),
            next_observation=self._shift(transition.next_observation),
        )

    def state_dict(self) -> State:
        """Return the state of the generator."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Restore the state of the generator."""
        self._generator.set_state(state["generator"])

    def _shift(self, observation: Tensor) -> Tensor:
        """Cut a window out of each padded frame stack, at an offset drawn for each row of the batch."""
        rows, _, height, width = observation.shape
        offsets = torch.randint(2 * self._pixels + 1, (2, rows), generator=self._generator)  # [2, B]
        down, right = offsets.to(observation.device)
        padded = F.pad(observation.float(), (self._pixels,) * 4, mode="replicate").to(observation.dtype)
        ys = down[:, None] + torch.arange(height, device=observation.device)  # [B, H]
        xs = right[:, None] + torch.arange(width, device=observation.device)  # [B, W]
        batch = torch.arange(rows, device=observation.device)
        return padded.permute(0, 2, 3, 1)[batch[:, None, None], ys[:, :, None], xs[:, None, :]].permute(0, 3, 1, 2)


AUGMENTATIONS: dict[str, Callable[[torch.Generator], Augmentation]] = {"shift": lambda draws: RandomShift(4, draws)}
"""name -> (generator) -> augmentation; ``none`` has no entry."""
