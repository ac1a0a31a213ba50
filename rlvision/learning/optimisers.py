"""Optimisers by name, and their parameter groups."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn, optim
from torch.optim import Optimizer

from rlvision.core.errors import ConfigError
from rlvision.learning.settings import OptimiserSettings

Groups = list[dict[str, Any]]


def _adam(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.Adam(groups, lr=lr, betas=(momentum, 0.999), eps=epsilon, fused=True)


def _adamw(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.AdamW(groups, lr=lr, betas=(momentum, 0.999), eps=epsilon, fused=True)


def _radam(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.RAdam(groups, lr=lr, betas=(momentum, 0.999), eps=epsilon, foreach=True)


def _sgd(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.SGD(groups, lr=lr, momentum=momentum, fused=True)


def _rmsprop(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.RMSprop(groups, lr=lr, alpha=0.95, eps=epsilon, momentum=momentum, centered=True, foreach=True)


def _adagrad(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.Adagrad(groups, lr=lr, eps=epsilon, foreach=True)


OPTIMISERS: Mapping[str, Callable[[Groups, float, float, float], Optimizer]] = {
    "adam": _adam,  # Kingma and Ba 2015
    "adamw": _adamw,  # Loshchilov and Hutter 2019
    "radam": _radam,  # Liu et al. 2020
    "sgd": _sgd,  # with momentum, Polyak 1964
    "rmsprop": _rmsprop,  # centred, with the decay of 0.95 of DQN (Mnih et al. 2015), where the momentum was 0
    "adagrad": _adagrad,  # Duchi et al. 2011
}
"""name -> (parameter groups, learning rate, epsilon, momentum) -> optimiser."""

STATES: Mapping[str, int] = {"adam": 2, "adamw": 2, "radam": 2, "sgd": 1, "rmsprop": 3, "adagrad": 1}
"""name -> number of values of optimiser state per weight."""


def make_optimiser(settings: OptimiserSettings, groups: Groups) -> Optimizer:
    """Make the optimiser of the settings.

    Args:
        settings: its name and parameters; the learner sets the learning rate again at every update.
        groups: parameter groups of `torch.optim`, which may have their own weight decay.

    Raises:
        ConfigError: there is no such optimiser.
    """
    if settings.name not in OPTIMISERS:
        raise ConfigError(
            f"expected an optimiser out of {', '.join(OPTIMISERS)}, got {settings.name!r}: choose one of these"
        )
    return OPTIMISERS[settings.name](groups, settings.learning_rate, settings.epsilon, settings.momentum)


def decay_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups in which weights decay and biases, scales and shifts do not.

    Weight decay before a normalisation does not change its output, but decay of its own scale towards
    zero does. Parameters with one dimension are biases, scales and shifts.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trained if parameter.ndim > 1]
    spared = [parameter for parameter in trained if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
