"""What the convolutions make of an observation."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rlvision.core.types import FloatArray, UInt8Array
from rlvision.features.saliency import evaluating_copy, to_tensor
from rlvision.nn.qnetwork import QNetwork


def feature_maps(network: QNetwork, observation: UInt8Array) -> dict[str, FloatArray]:
    """The feature maps of every level of the network that has maps, in the order of computation.

    Each level is divided by the greatest absolute value in it: values lie in [-1, 1], in [0, 1] after a ReLU,
    and the maps of one level can be compared with one another.

    Args:
        network: only looked at, whatever its mode: no buffer, mode or gradient of it changes.
        observation: [1, C, H, W] uint8.

    Returns:
        Level (such as ``low``, ``mid``, ``high``) -> maps [channels, h, w]. Of an encoder without named levels, the
        name of every convolution that the forward calls -> its output; without convolutions, nothing.

    Raises:
        ConfigError: the observation is of another shape or type.
    """
    seen = evaluating_copy(network)
    places = _places(seen)
    with torch.no_grad(), _recorded(seen, places) as outputs:
        seen(to_tensor(observation, seen))
    return {name: _scaled(outputs[name]) for name in places if name in outputs}


def _places(network: QNetwork) -> dict[str, str]:
    """Level -> the module whose output it is."""
    if network.levels:
        return {name: level.module for name, level in network.levels.items() if level.reduction > 0}
    convolutions = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    return {name.removeprefix("encoder."): name for name in convolutions}


@contextmanager
def _recorded(network: QNetwork, places: dict[str, str]) -> Iterator[dict[str, Tensor]]:
    """Inside, a forward notes the outputs of the modules named."""
    outputs: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            outputs[name] = output[0].float().cpu().clone()  # a layer after may write into the output

        return hook

    with ExitStack() as hooks:
        for name, module in places.items():
            hooks.callback(network.get_submodule(module).register_forward_hook(note(name)).remove)
        yield outputs


def _scaled(maps: Tensor) -> FloatArray:
    """Divided by the greatest absolute value; zeros stay zeros."""
    greatest = maps.abs().max().clamp_min(torch.finfo(maps.dtype).tiny)
    scaled: FloatArray = (maps / greatest).numpy()
    return scaled
