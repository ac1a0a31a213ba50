"""Where the values of s and s' come from: the one place in which the arms of BatchNorm differ while learning."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from rlvision.nn.views import Views, recalibrate
from rlvision.types import QOutput, Transition

Forward = Callable[[Tensor], QOutput]
"""Observations [B, C, H, W] uint8 -> values."""

Refresh = Callable[[int], None]
"""Called after every update with the number of updates: keeps the target network fresh."""


class Bootstrap(Protocol):
    """Computes the values that a TD rule needs."""

    def values(self, transition: Transition) -> tuple[QOutput, QOutput, QOutput]:
        """Online's values of s (with gradient), the bootstrap's of s', online's of s' (both without)."""

    def refresh(self, updates: int) -> None:
        """Called after every update."""


class TargetNetwork:
    """One train-mode forward, on s; the values of s' from a frozen copy (Mnih et al. 2015).

    Args:
        views: online, target and actor.
        target: how the target network computes, ``views.target`` in eval mode by default of the contract.
        refresh: how it follows the online network.
    """

    def __init__(self, views: Views, target: Forward, refresh: Refresh) -> None:
        self._views = views
        self._target = target
        self.refresh = refresh

    def values(self, transition: Transition) -> tuple[QOutput, QOutput, QOutput]:
        """Online in train mode on s alone; target and actor on s'."""
        with torch.no_grad():
            q_t = self._target(transition.next_observation)
            selector_t: QOutput = self._views.actor(transition.next_observation)
        return self._views.online(transition.observation), q_t, selector_t


class JointForward:
    """CrossQ (Bhatt et al. 2024): s and s' in one train-mode forward, and no target network."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def values(self, transition: Transition) -> tuple[QOutput, QOutput, QOutput]:
        """The halves of one forward."""
        both: QOutput = self._views.online(torch.cat([transition.observation, transition.next_observation]))
        now, after = both.q_values.chunk(2)  # [B, A] each
        return QOutput(now), QOutput(after.detach()), QOutput(after.detach())

    def refresh(self, updates: int) -> None:
        """Nothing: there is no target network."""


def hard_copies(views: Views, period: int) -> Refresh:
    """Copy online into target every ``period`` updates, running statistics included."""

    def refresh(updates: int) -> None:
        if updates % period == 0:
            views.sync_target()

    return refresh


def soft_copies(views: Views, tau: float) -> Refresh:
    """Move target towards online by ``tau`` after every update (Lillicrap et al. 2016); statistics are copied."""
    return lambda updates: views.sync_target(tau)


def recalibrated_copies(views: Views, period: int, observations: Callable[[], Tensor], batches: int) -> Refresh:
    """Hard copies whose running statistics are then measured anew on replay batches, by the target's own weights."""

    def refresh(updates: int) -> None:
        if updates % period == 0:
            views.sync_target()
            recalibrate(views.target, (observations() for _ in range(batches)))

    return refresh
