"""The values of s and s' that a TD rule asks for: the one place in which the normalisations differ while learning."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cached_property, partial
from typing import Protocol

import torch
from torch import Tensor

from rlvision.core.devices import Autocast
from rlvision.core.types import QOutput, Transition
from rlvision.nn.fusion import fuse_conv_bn, fuse_conv_bn_train, to_channels_last_float
from rlvision.nn.norm_variants import NormVariant
from rlvision.nn.target_network import OnlineTargetActor, batch_statistics_forward, recalibrate

Forward = Callable[[Tensor], QOutput]
"""Observations [B, C, H, W] uint8 -> values."""


class Values(Protocol):
    """What the networks make of a batch, each computed when it is first asked for.

    A rule asks for the values of s' before those of s: the forward that learns moves the running statistics, which the
    online network's view of s' shares (BatchNorm's contract, point 3).
    """

    @property
    def target_t(self) -> QOutput:
        """The target network's values of s', without gradient."""

    @property
    def online_t(self) -> QOutput:
        """The online network's values of s', without gradient."""

    @property
    def target_tm1(self) -> QOutput:
        """The target network's values of s, without gradient."""

    @property
    def online_tm1(self) -> QOutput:
        """The online network's values of s, with gradient."""


class TargetEstimator(Protocol):
    """Compute the values that a TD rule needs, and keep the target network fresh."""

    def values(self, transition: Transition) -> Values:
        """Return the values of a batch, none of them computed yet."""

    def update_target(self, updates: int) -> None:
        """Let the target follow; called after every update with their number."""


class TargetNetwork:
    """One train-mode forward, on s; the values of s' from a frozen copy (Mnih et al. 2015).

    Args:
        online: the network that learns, in train mode.
        target: the frozen copy, in evaluation mode by the contract.
        actor: the network that learns, in evaluation mode.
        update_target: how the copy follows, called with the number of updates.
        autocast: the precision of the forwards.
    """

    def __init__(
        self, online: Forward, target: Forward, actor: Forward, update_target: Callable[[int], None], autocast: Autocast
    ) -> None:
        self.online, self.target, self.actor = online, target, actor
        self.update_target = update_target
        self.autocast = autocast

    def values(self, transition: Transition) -> Values:
        """Return the values of a batch, none of them computed yet."""
        return _TargetNetworkValues(self, transition)


class _TargetNetworkValues:
    def __init__(self, networks: TargetNetwork, transition: Transition) -> None:
        self._networks = networks
        self._transition = transition

    @cached_property
    def target_t(self) -> QOutput:
        return self._without_gradient(self._networks.target, self._next_observation)

    @cached_property
    def online_t(self) -> QOutput:
        if "online_tm1" in self.__dict__:
            raise RuntimeError("expected online_t to be asked for before online_tm1, which moves running statistics")
        return self._without_gradient(self._networks.actor, self._next_observation)

    @cached_property
    def target_tm1(self) -> QOutput:
        return self._without_gradient(self._networks.target, self._observation)

    @cached_property
    def online_tm1(self) -> QOutput:
        with self._networks.autocast():
            return self._networks.online(self._observation)

    @cached_property
    def _observation(self) -> Tensor:
        with self._networks.autocast():
            return to_channels_last_float(self._transition.observation)

    @cached_property
    def _next_observation(self) -> Tensor:
        with self._networks.autocast():
            return to_channels_last_float(self._transition.next_observation)

    def _without_gradient(self, network: Forward, observation: Tensor) -> QOutput:
        with torch.no_grad(), self._networks.autocast():
            return network(observation)


class CrossQTargets:
    """CrossQ (Bhatt et al. 2024): s and s' in one train-mode forward, and no target network.

    Args:
        online: the network that learns, in train mode.
        autocast: the precision of the forward.
    """

    def __init__(self, online: Forward, autocast: Autocast) -> None:
        self._online = online
        self._autocast = autocast

    def values(self, transition: Transition) -> Values:
        """Return the halves of one forward."""
        return _CrossQValues(self._online, self._autocast, transition)

    def update_target(self, updates: int) -> None:
        """Do nothing: there is no target network."""


class _CrossQValues:
    def __init__(self, online: Forward, autocast: Autocast, transition: Transition) -> None:
        self._online = online
        self._autocast = autocast
        self._transition = transition

    @property
    def target_t(self) -> QOutput:
        return self._halves[1]

    @property
    def online_t(self) -> QOutput:
        return self._halves[1]

    @property
    def target_tm1(self) -> QOutput:
        return _of_each(self._halves[0], Tensor.detach)

    @property
    def online_tm1(self) -> QOutput:
        return self._halves[0]

    @cached_property
    def _halves(self) -> tuple[QOutput, QOutput]:
        observations = torch.cat([self._transition.observation, self._transition.next_observation])
        with self._autocast():
            return split_batch(self._online(to_channels_last_float(observations)))


def make_targets(
    networks: OnlineTargetActor,
    norm: NormVariant,
    *,
    period: int,
    tau: float | None,
    autocast: Autocast,
    sample: Callable[[], Tensor],
    calibration_batches: int,
) -> TargetEstimator:
    """Return what computes the values of s', by the normalisation of the network.

    Args:
        networks: online, target and actor.
        norm: of the network.
        period: updates between hard copies into the target network.
        tau: weight of the online network at every update, instead of hard copies.
        autocast: the precision of the forwards.
        sample: draws observations [B, C, H, W] of the memory, to measure statistics by.
        calibration_batches: how many of them.
    """
    if norm.target == "joint":
        return CrossQTargets(networks.online, autocast)
    target: Forward = fuse_conv_bn(networks.target)
    if norm.target == "batch_statistics":
        target = partial(batch_statistics_forward, networks.target)
    update_target = periodic_update(networks, period) if tau is None else soft_update(networks, tau)
    if norm.target == "recalibrated":
        update_target = recalibrated_update(networks, period, sample, calibration_batches, autocast)
    return TargetNetwork(
        fuse_conv_bn_train(networks.online), target, fuse_conv_bn(networks.actor), update_target, autocast
    )


def periodic_update(networks: OnlineTargetActor, period: int) -> Callable[[int], None]:
    """Copy online into target every ``period`` updates, running statistics included."""

    def update_target(updates: int) -> None:
        if updates % period == 0:
            networks.sync_target()

    return update_target


def soft_update(networks: OnlineTargetActor, tau: float) -> Callable[[int], None]:
    """Move target towards online by ``tau`` after every update (Lillicrap et al. 2016); statistics are copied."""
    return lambda updates: networks.sync_target(tau)


def recalibrated_update(
    networks: OnlineTargetActor, period: int, sample: Callable[[], Tensor], batches: int, autocast: Autocast
) -> Callable[[int], None]:
    """Copy online into target, then measure the target's statistics on batches of the memory, by its own weights."""

    def update_target(updates: int) -> None:
        if updates % period == 0:
            networks.sync_target()
            with autocast():  # the statistics are those of the precision in use
                recalibrate(networks.target, (sample() for _ in range(batches)))

    return update_target


def split_batch(output: QOutput) -> tuple[QOutput, QOutput]:
    """Return the first half of a batch's rows, and the second without gradient."""
    return _of_each(output, lambda part: part.chunk(2)[0]), _of_each(output, lambda part: part.chunk(2)[1].detach())


def _of_each(output: QOutput, change: Callable[[Tensor], Tensor]) -> QOutput:
    """Return a copy whose tensors are changed."""
    parts = {field.name: getattr(output, field.name) for field in fields(output)}
    return replace(output, **{name: change(part) for name, part in parts.items() if part is not None})
