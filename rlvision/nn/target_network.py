"""The online network and its views (target, actor, explorer), each with a pinned mode."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from rlvision.core.types import QOutput, State
from rlvision.nn.noisy import noisy_layers, switch_noise
from rlvision.nn.qnetwork import QNetwork, shared_weight_copy
from rlvision.nn.statistics import batch_statistics, calibrating, statistics_layers


class OnlineActor:
    """The online network and the views that act with its weights.

    ============  ==========  =========================  ====================================
    view          mode        tensors                    used for
    ============  ==========  =========================  ====================================
    ``online``    training    its own                    one forward per update, on s
    ``actor``     evaluation  online's, shared           acting, argmax over s', evaluation
    ``explorer``  evaluation  online's, shared           acting while training by noisy weights
    ============  ==========  =========================  ====================================

    Modes are pinned: ``train()`` and ``eval()`` on a view change nothing. An optimizer's step or a ``load_state_dict``
    on ``online`` takes effect in ``actor`` at once. Call ``actor`` and ``explorer`` without gradients. In a network
    with noisy layers, ``online`` and ``explorer`` each have their own noise, and ``actor`` has none. In any other
    network, ``explorer`` is ``actor``.

    Args:
        online: the network, already on its device: moving it later would separate its tensors from the actor's.
        noise: the CPU generator of the noise in ``online``.
    """

    def __init__(self, online: QNetwork, noise: torch.Generator | None = None) -> None:
        self.online = online
        self.actor = shared_weight_copy(online)
        self.explorer = shared_weight_copy(online) if noisy_layers(online) else self.actor
        self._noise = noise or torch.Generator()
        self._noisy_layers = noisy_layers(self.online)
        for layer in noisy_layers(self.explorer):
            layer.input_noise, layer.output_noise = layer.input_noise.clone(), layer.output_noise.clone()
        switch_noise(self.actor, on=False)
        self.online.pin_mode(training=True)
        for view in (self.actor, self.explorer):
            view.pin_mode(training=False)

    def resample_noise(self) -> None:
        """Draw the noise of the next update."""
        for layer in self._noisy_layers:
            layer.resample(self._noise)

    @property
    def has_statistics(self) -> bool:
        """Whether the network keeps running statistics, which need calibration."""
        return bool(statistics_layers(self.online))

    @torch.no_grad()
    def calibrate(self, observations: Iterable[Tensor]) -> None:
        """Measure the statistics of ``online`` over batches [B, C, H, W]."""
        recalibrate(self.online, observations)

    def state_dict(self) -> State:
        """Return the network, buffers included, and the state of the noise generator."""
        return {"online": self.online.state_dict(), "noise": self._noise.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Restore the network and the noise generator; the other views share the online tensors."""
        self.online.load_state_dict(state["online"])
        self._noise.set_state(state["noise"])


class OnlineTargetActor(OnlineActor):
    """The views of `OnlineActor`, and the target network.

    ============  ==========  =========================  ====================================
    view          mode        tensors                    used for
    ============  ==========  =========================  ====================================
    ``target``    evaluation  copies, without gradient   bootstrap values, target(s')
    ============  ==========  =========================  ====================================

    In a network with noisy layers, ``target`` has its own noise, from the generator of ``online``.

    Args:
        online: as in `OnlineActor`.
        noise: as in `OnlineActor`.
    """

    def __init__(self, online: QNetwork, noise: torch.Generator | None = None) -> None:
        self.target = copy.deepcopy(online).requires_grad_(False)
        super().__init__(online, noise)
        self.target.pin_mode(training=False)
        self._noisy_layers += noisy_layers(self.target)

    @torch.no_grad()
    def sync_target(self, tau: float = 1.0) -> None:
        """Move the target's parameters towards the online ones by a fraction ``tau``; copy every buffer.

        A soft update (tau < 1) copies buffers too: running statistics belong to the current parameters, and
        integers cannot be averaged.
        """
        online: list[Tensor] = [*self.online.parameters()]
        target: list[Tensor] = [*self.target.parameters()]
        if tau == 1.0:
            _copy(target, online)
        else:
            torch._foreach_lerp_(target, online, tau)
        _copy(self.target.buffers(), self.online.buffers())

    @torch.no_grad()
    def calibrate(self, observations: Iterable[Tensor]) -> None:
        """Measure the statistics of ``online`` over batches [B, C, H, W], then sync the target."""
        super().calibrate(observations)
        self.sync_target()

    def state_dict(self) -> State:
        """Return both networks, buffers included, and the state of the noise generator."""
        return {**super().state_dict(), "target": self.target.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Restore both networks and the noise generator."""
        super().load_state_dict(state)
        self.target.load_state_dict(state["target"])


@torch.no_grad()
def recalibrate(network: nn.Module, observations: Iterable[Tensor]) -> None:
    """Replace the running statistics by the average over batches [B, C, H, W], all with the same weight."""
    with calibrating(network):
        for observation in observations:
            network(observation)


@torch.no_grad()
def batch_statistics_forward(network: QNetwork, observation: Tensor) -> QOutput:
    """Return the output for observations [B, C, H, W], normalised by this batch; no buffer changes."""
    with batch_statistics(network):
        output: QOutput = network(observation)
    return output


def _copy(destinations: Iterable[Tensor], sources: Iterable[Tensor]) -> None:
    for destination, source in zip(destinations, sources, strict=True):
        destination.copy_(source)
