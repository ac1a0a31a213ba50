"""The optimisers of the chapter, by name."""

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


def _sgd(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.SGD(groups, lr=lr, momentum=momentum, fused=True)


def _rmsprop(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.RMSprop(groups, lr=lr, alpha=0.95, eps=epsilon, momentum=momentum, centered=True, foreach=True)


def _adagrad(groups: Groups, lr: float, epsilon: float, momentum: float) -> Optimizer:
    return optim.Adagrad(groups, lr=lr, eps=epsilon, foreach=True)


OPTIMISERS: Mapping[str, Callable[[Groups, float, float, float], Optimizer]] = {
    "adam": _adam,  # Kingma and Ba 2015
    "adamw": _adamw,  # Loshchilov and Hutter 2019
    "sgd": _sgd,  # with momentum, Polyak 1964
    "rmsprop": _rmsprop,  # centred, decay 0.95 as in DQN (Mnih et al. 2015), which had a momentum of 0
    "adagrad": _adagrad,  # Duchi et al. 2011
}
"""name -> (parameter groups, learning rate, epsilon, momentum) -> optimiser."""

STATES: Mapping[str, int] = {"adam": 2, "adamw": 2, "sgd": 1, "rmsprop": 3, "adagrad": 1}
"""name -> numbers it keeps for each weight."""


def make_optimiser(settings: OptimiserSettings, groups: Groups) -> Optimizer:
    """Return the optimiser of the settings over parameter groups that may carry their own weight decay.

    Args:
        settings: which one, and its numbers; the learner sets the learning rate anew at every update.
        groups: as `torch.optim` takes them.

    Raises:
        ConfigError: there is no such optimiser.
    """
    if settings.name not in OPTIMISERS:
        raise ConfigError(
            f"expected an optimiser of {', '.join(OPTIMISERS)}, got {settings.name!r}: choose one of them"
        )
    return OPTIMISERS[settings.name](groups, settings.learning_rate, settings.epsilon, settings.momentum)


def decay_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: weights decay; biases, scales and shifts do not.

    A normalised layer does not notice the size of the weights before it, but pulling its own scale
    to zero silences it. What has one dimension is a bias, a scale or a shift.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trained if parameter.ndim > 1]
    spared = [parameter for parameter in trained if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
