"""What a network takes of memory, from the shapes of its layers; nothing is allocated."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rlvision.nn.qnetwork import QNetwork

FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of a network in float32.

    Attributes:
        weights: of its parameters and buffers.
        kept: what the layers put out for one observation, all of which a backward pass needs.
        largest: the most that one layer puts out for one observation.
        quantiles: K, values of the head for each action.
    """

    weights: int
    kept: int
    largest: int
    quantiles: int


def footprint(network: QNetwork, observation_shape: tuple[int, int, int]) -> Footprint:
    """Count what ``network`` takes, by a forward of its encoder in evaluation mode that computes nothing.

    Args:
        network: on the device ``meta``; what is not in its encoder counts by its linear layers.
        observation_shape: (C, H, W).

    Raises:
        RuntimeError: The encoder looks at its numbers, of which there are none; torch's own.
    """
    weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
    outputs = [_outputs(network.encoder, observation_shape), _linear_outputs(network, network.encoder)]
    sizes = [size for part in outputs for size in part] or [0]
    return Footprint(weights, sum(sizes), max(sizes), getattr(network.head, "quantiles", 1))


def _outputs(encoder: nn.Module, observation_shape: tuple[int, int, int]) -> list[int]:
    """Bytes that each layer without layers inside puts out for one observation."""
    sizes: list[int] = []

    def note(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if isinstance(output, Tensor) and not any(output is given for given in inputs):  # Identity puts out nothing new
            sizes.append(output[0].numel() * FLOAT_BYTES)

    leaves = [layer for layer in encoder.modules() if not list(layer.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        with torch.no_grad():
            encoder.eval()(torch.empty(2, *observation_shape, dtype=torch.uint8, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    return sizes


def _linear_outputs(network: nn.Module, encoder: nn.Module) -> list[int]:
    inside = set(encoder.modules())
    return [
        layer.out_features * FLOAT_BYTES
        for layer in network.modules()
        if isinstance(layer, nn.Linear) and layer not in inside
    ]
