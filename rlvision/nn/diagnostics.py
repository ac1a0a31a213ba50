"""Effects of the normalisation on the Q-values, measured on one batch without side effects.

============================  ==================================================================
metric                        meaning
============================  ==================================================================
``bn/gap``                    mean abs(Q_train - Q_act) / std(Q_act), over the batch and the actions
``bn/greedy_disagreement``    share of states whose greedy action differs between the two
``bn/clipped``                share of channels whose r or d is clipped (BatchRenorm only)
``bn/target_drift``           mean abs(running_mean of online - of target)
``weights/<module>``          Euclidean norm of a module's own parameters
============================  ==================================================================

Q_train is the learner's forward on s, without dropout and noise; Q_act is the policy's. Both run fused as in training,
in the precision of the context. The ``bn/`` metrics exist only for networks with running statistics, the drift only
with a target network.
"""

import copy
import logging
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rlvision.core.action_masks import legal_values
from rlvision.nn.fusion import fuse_conv_bn, fuse_conv_bn_train
from rlvision.nn.noisy import switch_noise
from rlvision.nn.normalisation import BatchRenorm2d
from rlvision.nn.statistics import statistics_layers
from rlvision.nn.target_network import OnlineActor, OnlineTargetActor

WIDE_GAP = 0.2
"""Gap above which the greedy action of many states depends on the mode."""
PATIENCE = 5
"""Consecutive measurements with a wide gap that trigger the warning."""


class GapMonitor:
    """A monitor that warns once when the training forward and the acting forward of an agent with a target drift apart.

    Such an agent bootstraps from the acting forward what the training forward learns. Without a target network no value
    comes from another function, and agents with a wide gap were among the best (studies/batchnorm).
    """

    def __init__(self) -> None:
        self._wide = 0
        self._said = False

    def update(self, metrics: Mapping[str, float]) -> None:
        """Read the gap from the metrics of an interval, if they hold one, and warn when it stays wide."""
        is_wide = "bn/target_drift" in metrics and metrics.get("bn/gap", 0.0) > WIDE_GAP
        self._wide = self._wide + 1 if is_wide else 0
        if self._wide >= PATIENCE and not self._said:
            self._said = True
            logging.getLogger("rlvision").warning(
                "expected bn/gap to be at most %g, got more in %d measurements in a row (now %.2f): the network "
                "learns one function and acts by another. Some agents won all the same. If scores do not rise, try "
                "network.norm=renorm, which has no gap, a network.momentum nearer to 1, or a smaller "
                "optimiser.learning_rate",
                WIDE_GAP,
                PATIENCE,
                metrics["bn/gap"],
            )


@torch.no_grad()
def diagnose(networks: OnlineActor, observation: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
    """Return all metrics above as scalar tensors, measured on observations [B, C, H, W] uint8.

    Only actions that the mask [B, A] allows count. Buffers, modes and random states do not change: the training forward
    runs on a copy, with dropout off.
    """
    metrics = weight_norms(networks.online)
    if statistics_layers(networks.online):
        metrics |= _mode_differences(networks, observation, mask)
        if isinstance(networks, OnlineTargetActor):
            metrics["bn/target_drift"] = target_drift(networks)
    return metrics


def gap(q_values: Tensor, reference: Tensor) -> Tensor:
    """Return the mean distance of Q-values from a reference of their shape, in standard deviations of the reference."""
    spread = reference.std(correction=0).clamp_min(torch.finfo(reference.dtype).tiny)
    return (q_values - reference).abs().mean() / spread


def disagreement(q_values: Tensor, reference: Tensor) -> Tensor:
    """Return the share of the B states whose greedy actions by Q-values [B, A] and by a reference [B, A] differ."""
    return (q_values.argmax(1) != reference.argmax(1)).float().mean()


@torch.no_grad()
def target_drift(networks: OnlineTargetActor) -> Tensor:
    """Return the mean distance between the running means of online and target, over all channels."""
    pairs = zip(statistics_layers(networks.online), statistics_layers(networks.target), strict=True)
    distances = [(online.running_mean - target.running_mean).abs() for online, target in pairs]  # type: ignore[operator]
    return torch.cat(distances).mean()


@torch.no_grad()
def weight_norms(network: nn.Module) -> dict[str, Tensor]:
    """Return ``weights/<module>``, the norm of its own parameters, for every module that has some."""
    owners = {name: list(module.parameters(recurse=False)) for name, module in network.named_modules()}
    return {f"weights/{name}": _norm(parameters) for name, parameters in owners.items() if parameters}


def _mode_differences(networks: OnlineActor, observation: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    shadow = fuse_conv_bn_train(copy.deepcopy(networks.online))
    _switch_off_dropout(shadow)
    switch_noise(shadow, on=False)
    learns = shadow(observation).q_values  # [B, A]
    acts = fuse_conv_bn(networks.actor)(observation).q_values  # [B, A]
    by_both = (learns, acts) if mask is None else (learns[mask], acts[mask])  # [n] of the legal actions
    greedy = legal_values(learns, mask), legal_values(acts, mask)
    metrics = {"bn/gap": gap(*by_both), "bn/greedy_disagreement": disagreement(*greedy)}
    corrected = [layer for layer in shadow.modules() if isinstance(layer, BatchRenorm2d)]
    return metrics | ({"bn/clipped": _clipped_share(corrected)} if corrected else {})


def _clipped_share(layers: list[BatchRenorm2d]) -> Tensor:
    clipped = torch.stack([layer.clipped * layer.num_features for layer in layers]).sum()
    return clipped / sum(layer.num_features for layer in layers)


def _switch_off_dropout(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()


def _norm(parameters: list[nn.Parameter]) -> Tensor:
    return torch.cat([parameter.flatten() for parameter in parameters]).square().sum().sqrt()
