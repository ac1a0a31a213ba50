"""Networks whose insides are known, and a check that looking at one leaves no trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rlvision.core.types import UInt8Array
from rlvision.nn.heads import LinearHead
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import build_encoder


class Flat(nn.Module):
    """Passes the pixels on; beside them one convolution whose output is thrown away."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.features = channels * height * width
        self.shown = nn.Conv2d(channels, 1, 1, bias=False)

    def forward(self, observation: Tensor) -> Tensor:
        pixels = observation.float().div(255) if observation.dtype == torch.uint8 else observation
        self.shown(pixels)
        return pixels.flatten(1)


@pytest.fixture(scope="session")
def linear_network():
    """Q(s, a) = Σ weights[a] * pixels, for weights [A, C, H, W]."""
    return _linear_network


def _linear_network(weights: Tensor) -> QNetwork:
    encoder = Flat(*weights.shape[1:])
    head = LinearHead(encoder.features, len(weights))
    with torch.no_grad():
        head.q.weight.copy_(weights.flatten(1))
        head.q.bias.zero_()
    return QNetwork(encoder, head)


@pytest.fixture(scope="session")
def built_network():
    """A network of the project with random weights, in training mode."""
    return _built_network


def _built_network(encoder: str, shape: tuple[int, int, int]) -> QNetwork:
    torch.manual_seed(0)
    built = build_encoder(encoder, shape)
    return QNetwork(built, LinearHead(built.features, 3))


@pytest.fixture(scope="session")
def noise():
    """A random observation [1, *shape]."""
    return _noise


def _noise(*shape: int, seed: int = 0) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 256, (1, *shape), dtype=np.uint8)


@pytest.fixture(scope="session")
def untouched():
    """Fails where a buffer, a parameter, a gradient, a mode or a hook is another at the end."""
    return _untouched


@contextmanager
def _untouched(network: QNetwork) -> Iterator[None]:
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = _state(network)
    yield
    after = _state(network)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name
    assert not any(module._forward_hooks for module in network.modules())


def _state(network: QNetwork) -> dict[str, Tensor]:
    gradients = {f"{name} grad": p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    asked = {f"{name} asked": torch.tensor(p.requires_grad) for name, p in network.named_parameters()}
    modes = {f"{name} mode": torch.tensor(module.training) for name, module in network.named_modules()}
    return {**{name: t.clone() for name, t in network.state_dict().items()}, **gradients, **asked, **modes}
