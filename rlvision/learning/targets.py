"""Where the values of s and s' come from: the one place in which the arms of BatchNorm differ while learning."""

from collections.abc import Callable
from dataclasses import fields
from typing import Protocol

import torch
from torch import Tensor

from rlvision.core.types import QOutput, Transition
from rlvision.nn.fusion import prepared
from rlvision.nn.target_network import Views, recalibrate

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
        online: the network that learns, in train mode.
        target: the frozen copy, in evaluation mode by the contract.
        selector: the network that learns, in evaluation mode, for Double Q-learning; None: the target's values serve.
        refresh: how the copy follows.
    """

    def __init__(self, online: Forward, target: Forward, selector: Forward | None, refresh: Refresh) -> None:
        self._online = online
        self._target = target
        self._selector = selector
        self.refresh = refresh

    def values(self, transition: Transition) -> tuple[QOutput, QOutput, QOutput]:
        """Online on s alone; target and selector on s'."""
        with torch.no_grad():
            next_observation = prepared(transition.next_observation)
            q_t = self._target(next_observation)
            selector_t = q_t if self._selector is None else self._selector(next_observation)
        return self._online(prepared(transition.observation)), q_t, selector_t


class JointForward:
    """CrossQ (Bhatt et al. 2024): s and s' in one train-mode forward, and no target network.

    Args:
        online: the network that learns, in train mode.
    """

    def __init__(self, online: Forward) -> None:
        self._online = online

    def values(self, transition: Transition) -> tuple[QOutput, QOutput, QOutput]:
        """The halves of one forward."""
        observations = torch.cat([transition.observation, transition.next_observation])
        now, after = halves(self._online(prepared(observations)))
        return now, after, after

    def refresh(self, updates: int) -> None:
        """Nothing: there is no target network."""


def halves(output: QOutput) -> tuple[QOutput, QOutput]:
    """The first half of a batch's rows, and the second without gradient."""
    parts = {field.name: getattr(output, field.name) for field in fields(output)}
    chunks = {name: part.chunk(2) for name, part in parts.items() if part is not None}
    now = {name: first for name, (first, _) in chunks.items()}
    after = {name: second.detach() for name, (_, second) in chunks.items()}
    return QOutput(**now), QOutput(**after)


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
