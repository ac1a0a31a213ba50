"""Linear layers with learned noise in their weights, for exploration (Fortunato et al. 2018)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIGMA = 0.5
"""sigma_0 of the paper, section 3.2: the scale of the noise starts at sigma_0 / √in_features."""


class NoisyLinear(nn.Linear):
    """A linear layer with factorised Gaussian noise (Fortunato et al. 2018, equations 9 to 11).

    ``y = (µ_w + σ_w ⊙ f(ε_out) f(ε_in)ᵀ) x + µ_b + σ_b ⊙ f(ε_out)`` with ``f(x) = sign(x) √|x|``; µ and σ are learned.
    The noise ε stays the same until `resample`. The ``state_dict`` is that of `torch.nn.Linear` with two more tensors.

    Args:
        in_features: width of the input.
        out_features: width of the output.

    Attributes:
        has_noise: whether the forward uses the noise; if not, the layer is linear with the weights µ.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.weight_sigma = nn.Parameter(torch.full((out_features, in_features), SIGMA / math.sqrt(in_features)))
        self.bias_sigma = nn.Parameter(torch.full((out_features,), SIGMA / math.sqrt(in_features)))
        self.input_noise: Tensor
        self.output_noise: Tensor
        self.register_buffer("input_noise", torch.zeros(in_features), persistent=False)
        self.register_buffer("output_noise", torch.zeros(out_features), persistent=False)
        self.has_noise = True

    def reset_parameters(self) -> None:
        """Draw µ uniformly from ±1/√in_features (the paper, section 3.2)."""
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Return the outputs [B, out_features] of inputs [B, in_features]."""
        if not self.has_noise:
            return super().forward(input)
        weight = self.weight + self.weight_sigma * torch.outer(self.output_noise, self.input_noise)
        return F.linear(input, weight, self.bias + self.bias_sigma * self.output_noise)

    @torch.no_grad()
    def resample(self, generator: torch.Generator) -> None:
        """Draw new noise from a CPU generator."""
        for noise in (self.input_noise, self.output_noise):
            drawn = torch.randn(len(noise), generator=generator)
            noise.copy_(drawn.sign() * drawn.abs().sqrt())

    def mean(self) -> nn.Linear:
        """Return a linear layer without noise whose weights are a copy of µ; draw no random number."""
        plain = nn.Linear(self.in_features, self.out_features, device="meta")
        plain.weight, plain.bias = (nn.Parameter(mean.detach().clone()) for mean in (self.weight, self.bias))
        return plain


def noisy_layers(network: nn.Module) -> list[NoisyLinear]:
    """Return the noisy layers of a network."""
    return [layer for layer in network.modules() if isinstance(layer, NoisyLinear)]


def resample_noise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw new noise for all noisy layers of a network."""
    for layer in noisy_layers(network):
        layer.resample(generator)


def switch_noise(network: nn.Module, on: bool) -> None:
    """Switch the noise in a network's forward on or off."""
    for layer in noisy_layers(network):
        layer.has_noise = on
