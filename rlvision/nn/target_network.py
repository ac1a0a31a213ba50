"""One network seen three ways, or four where its weights carry noise, so that nobody ever flips a mode."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from rlvision.core.types import QOutput, State
from rlvision.nn.noisy import noisy_layers, resample_noise, switch_noise
from rlvision.nn.qnetwork import QNetwork, shared_weight_copy
from rlvision.nn.statistics import batch_statistics, calibrating, statistics_layers


class OnlineTargetActor:
    """The online network, its target, the actor and the explorer.

    ============  ==========  =========================  ====================================
    view          mode        tensors                    used for
    ============  ==========  =========================  ====================================
    ``online``    training    its own                    one forward per update, on s
    ``target``    evaluation  copies, without gradient   bootstrap values, target(s')
    ``actor``     evaluation  online's, shared           acting, argmax over s', evaluation
    ``explorer``  evaluation  online's, shared           acting while training by noisy weights
    ============  ==========  =========================  ====================================

    Modes are pinned: ``train()`` and ``eval()`` on a view change nothing. An optimizer's step or a ``load_state_dict``
    on ``online`` is the actor's at once. Call ``actor`` and ``explorer`` without gradients. Of a network with noisy
    layers, ``online``, ``target`` and ``explorer`` have noise of their own, and ``actor`` has none; of any other,
    ``explorer`` is ``actor``.

    Args:
        online: the network, already on its device: moving it later would part it from the actor.
        noise: the CPU stream of the noise that is learned with.
    """

    def __init__(self, online: QNetwork, noise: torch.Generator | None = None) -> None:
        self.online = online
        self.target = copy.deepcopy(online).requires_grad_(False)
        self.actor = shared_weight_copy(online)
        self.explorer = shared_weight_copy(online) if noisy_layers(online) else self.actor
        self._noise = noise or torch.Generator()
        for layer in noisy_layers(self.explorer):
            layer.input_noise, layer.output_noise = layer.input_noise.clone(), layer.output_noise.clone()
        switch_noise(self.actor, on=False)
        self.online.pin_mode(training=True)
        for view in (self.target, self.actor, self.explorer):
            view.pin_mode(training=False)

    def resample_noise(self) -> None:
        """Draw the noise of the next update, for the online network and for its target."""
        resample_noise(self.online, self._noise)
        resample_noise(self.target, self._noise)

    @torch.no_grad()
    def sync_target(self, tau: float = 1.0) -> None:
        """Move the target's parameters by ``tau`` of the way; copy every buffer as it is.

        Running statistics belong to the parameters of today, and integers cannot be averaged:
        buffers are copied by a soft update (tau < 1) as by a hard one.
        """
        online: list[Tensor] = [*self.online.parameters()]
        target: list[Tensor] = [*self.target.parameters()]
        if tau == 1.0:
            _copy(target, online)
        else:
            torch._foreach_lerp_(target, online, tau)
        _copy(self.target.buffers(), self.online.buffers())

    @property
    def has_statistics(self) -> bool:
        """Whether there is anything to calibrate."""
        return bool(statistics_layers(self.online))

    @torch.no_grad()
    def calibrate(self, observations: Iterable[Tensor]) -> None:
        """Before the first update: measure online's statistics over batches [B, C, H, W], then sync the target."""
        recalibrate(self.online, observations)
        self.sync_target()

    def state_dict(self) -> State:
        """Both networks, buffers included, and the stream of noise."""
        networks = {"online": self.online.state_dict(), "target": self.target.state_dict()}
        return {**networks, "noise": self._noise.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Take over both networks; the actor follows."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self._noise.set_state(state["noise"])


@torch.no_grad()
def recalibrate(network: nn.Module, observations: Iterable[Tensor]) -> None:
    """Replace running statistics by the average over batches [B, C, H, W], each counting the same."""
    with calibrating(network):
        for observation in observations:
            network(observation)


@torch.no_grad()
def batch_statistics_forward(network: QNetwork, observation: Tensor) -> QOutput:
    """What ``network`` makes of [B, C, H, W] when it normalises by this batch; no buffer changes."""
    with batch_statistics(network):
        output: QOutput = network(observation)
    return output


def _copy(destinations: Iterable[Tensor], sources: Iterable[Tensor]) -> None:
    for destination, source in zip(destinations, sources, strict=True):
        destination.copy_(source)
