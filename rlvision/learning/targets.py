"""The values of s and s' that a TD rule needs; only their computation depends on the normalisation."""

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
"""Observations [B, C, H, W] -> values."""


class Values(Protocol):
    """The networks' values of a batch, each computed when it is first read.

    A rule must read ``online_t`` before ``online_tm1``: the training forward on s moves the running statistics, which
    the forward on s' shares.
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
    """A source of the values that a TD rule needs, which also updates the target network."""

    def values(self, transition: Transition) -> Values:
        """Return the values of a batch, computed on demand."""

    def update_target(self, updates: int) -> None:
        """Update the target network if it is due; call this after every update with the number of updates."""


class TargetNetwork:
    """The values of s' from a target network, a frozen copy of the online network (Mnih et al. 2015).

    Args:
        online: the online network in training mode; it runs once per batch, on s.
        target: the frozen copy, in evaluation mode by default.
        actor: the online network in evaluation mode.
        update_target: updates the copy, called with the number of updates.
        autocast: the precision of the forwards.
    """

    def __init__(
        self, online: Forward, target: Forward, actor: Forward, update_target: Callable[[int], None], autocast: Autocast
    ) -> None:
        self.online, self.target, self.actor = online, target, actor
        self.update_target = update_target
        self.autocast = autocast

    def values(self, transition: Transition) -> Values:
        """Return the values of a batch, computed on demand."""
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
            raise RuntimeError(
                "expected online_t to be read before online_tm1, which moves the running statistics, got the reverse: "
                "swap the two in the TD rule"
            )
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


class _OneNetwork:
    """An estimator that has the online network alone."""

    def __init__(self, online: Forward, autocast: Autocast) -> None:
        self._online = online
        self._autocast = autocast

    def update_target(self, updates: int) -> None:
        """Do nothing: there is no target network."""


class _OfOneNetwork:
    """The values of a batch by the online network alone."""

    def __init__(self, online: Forward, autocast: Autocast, transition: Transition) -> None:
        self._online = online
        self._autocast = autocast
        self._transition = transition


class CrossQTargets(_OneNetwork):
    """CrossQ (Bhatt et al. 2024): one training forward over s and s' together, without a target network.

    Args:
        online: the online network in training mode.
        autocast: the precision of the forward.
    """

    def values(self, transition: Transition) -> Values:
        """Return the values of a batch, the two halves of one forward."""
        return _CrossQValues(self._online, self._autocast, transition)


class _CrossQValues(_OfOneNetwork):
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


class NoTargets(_OneNetwork):
    """The values of s alone, for losses whose targets come with the batch.

    Args:
        online: the online network in training mode.
        autocast: the precision of the forward.
    """

    def values(self, transition: Transition) -> Values:
        """Return the values of a batch; those of s' cannot be read."""
        return _OnlineValues(self._online, self._autocast, transition)


class _OnlineValues(_OfOneNetwork):
    @property
    def target_t(self) -> QOutput:
        raise _no_bootstrap("target_t")

    @property
    def online_t(self) -> QOutput:
        raise _no_bootstrap("online_t")

    @property
    def target_tm1(self) -> QOutput:
        raise _no_bootstrap("target_tm1")

    @cached_property
    def online_tm1(self) -> QOutput:
        with self._autocast():
            return self._online(to_channels_last_float(self._transition.observation))


def _no_bootstrap(name: str) -> RuntimeError:
    return RuntimeError(
        f"expected a TD rule that reads online_tm1 alone, since its targets come with the batch, got one that reads "
        f"{name}: learn from a replay to bootstrap in the loss"
    )


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
    """Return the target estimator for the normalisation of the network.

    Args:
        networks: online, target and actor.
        norm: normalisation of the network.
        period: updates between hard copies into the target network.
        tau: weight of the online network at every update; None makes hard copies.
        autocast: the precision of the forwards.
        sample: draws observations [B, C, H, W] from the replay, to measure statistics on.
        calibration_batches: number of such batches.
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
    """Return a function that copies online into target every ``period`` updates, running statistics included."""

    def update_target(updates: int) -> None:
        if updates % period == 0:
            networks.sync_target()

    return update_target


def soft_update(networks: OnlineTargetActor, tau: float) -> Callable[[int], None]:
    """Return a function that moves target towards online by ``tau`` at each update, and copies the statistics.

    Source: Lillicrap et al., "Continuous control with deep reinforcement learning" (2016).
    """
    return lambda updates: networks.sync_target(tau)


def recalibrated_update(
    networks: OnlineTargetActor, period: int, sample: Callable[[], Tensor], batches: int, autocast: Autocast
) -> Callable[[int], None]:
    """Return a function that copies online into target every ``period`` updates and recalibrates the target."""

    def update_target(updates: int) -> None:
        if updates % period == 0:
            networks.sync_target()
            with autocast():  # measures statistics in the precision of training
                recalibrate(networks.target, (sample() for _ in range(batches)))

    return update_target


def split_batch(output: QOutput) -> tuple[QOutput, QOutput]:
    """Return the first half of a batch's rows, and the second half without gradient."""
    return _of_each(output, lambda part: part.chunk(2)[0]), _of_each(output, lambda part: part.chunk(2)[1].detach())


def _of_each(output: QOutput, change: Callable[[Tensor], Tensor]) -> QOutput:
    """Return a copy of an output with ``change`` applied to each tensor."""
    parts = {field.name: getattr(output, field.name) for field in fields(output)}
    return replace(output, **{name: change(part) for name, part in parts.items() if part is not None})
