"""Floating-point operations of a network, from the shapes of its layers."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def layer_flops(network: nn.Module, observation: Tensor) -> list[int]:
    """Return the operations (a multiplication and an addition are two) of each convolution and linear layer, in order.

    Args:
        network: in evaluation mode.
        observation: [B, C, H, W] uint8; the operations are those of all B.
    """
    counted: list[int] = []

    def count(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        counted.append(2 * output.numel() * layer.weight[0].numel())  # every output is one dot product

    layers = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    handles = [layer.register_forward_hook(count) for layer in layers]
    network(observation)
    for handle in handles:
        handle.remove()
    return counted


def update_flops(layers: list[int], *, double: bool) -> int:
    """Return the operations of one update: forward and backward on s, and a target forward on s'.

    Double adds an online forward on s'. A backward pass costs every layer two forwards, one for its weights
    and one for its input, which the first layer does not need.
    """
    forward = sum(layers)
    backward = 2 * forward - layers[0]
    return forward * (3 if double else 2) + backward
