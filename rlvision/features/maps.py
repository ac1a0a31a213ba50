"""Feature maps: the outputs of a network's convolutions for one observation."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rlvision.core.types import FloatArray, UInt8Array
from rlvision.features.saliency import eval_mode_copy, to_tensor
from rlvision.nn.qnetwork import QNetwork


def feature_maps(network: QNetwork, observation: UInt8Array) -> dict[str, FloatArray]:
    """Return the feature maps of each level of the network that has maps, in the order of computation.

    Each level is divided by its greatest absolute value: values lie in [-1, 1], after a ReLU in [0, 1], and the maps
    of one level can be compared.

    Args:
        network: in any mode; none of its buffers, modes or gradients changes.
        observation: [1, C, H, W] uint8.

    Returns:
        Level (such as ``low``, ``mid``, ``high``) -> maps [channels, h, w]. For an encoder without named levels, the
        name of each convolution that the forward calls -> its output; empty without convolutions.

    Raises:
        ConfigError: the observation has another shape or type.
    """
    seen = eval_mode_copy(network)
    places = _places(seen)
    with torch.no_grad(), _recorded(seen, places) as outputs:
        seen(to_tensor(observation, seen))
    return {name: _scaled(outputs[name]) for name in places if name in outputs}


def _places(network: QNetwork) -> dict[str, str]:
    """Return level -> the name of the module that computes it."""
    if network.levels:
        return {name: level.module for name, level in network.levels.items() if level.reduction > 0}
    convolutions = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    return {name.removeprefix("encoder."): name for name in convolutions}


@contextmanager
def _recorded(network: QNetwork, places: dict[str, str]) -> Iterator[dict[str, Tensor]]:
    """Record the outputs of the named modules in each forward."""
    outputs: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            outputs[name] = output[0].float().cpu().clone()  # a later layer may write into the output

        return hook

    with ExitStack() as hooks:
        for name, module in places.items():
            hooks.callback(network.get_submodule(module).register_forward_hook(note(name)).remove)
        yield outputs


def _scaled(maps: Tensor) -> FloatArray:
    """Divide by the greatest absolute value; zeros stay zeros."""
    greatest = maps.abs().max().clamp_min(torch.finfo(maps.dtype).tiny)
    scaled: FloatArray = (maps / greatest).numpy()
    return scaled
