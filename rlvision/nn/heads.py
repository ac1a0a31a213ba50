"""Heads: maps from features to Q-values or to quantiles of returns, always in float32.

bfloat16 resolves 0.016 at |Q| = 2, which is the size of the differences between actions in Pong, and
ties go to the first action. So a head leaves autocast, whatever precision the encoder uses.
"""

import copy

import torch
from torch import Tensor, nn

from rlvision.core.types import QOutput
from rlvision.nn.noisy import NoisyLinear, noisy_layers


class Head(nn.Module):
    """A map from features to Q-values, made of streams that end in a linear layer.

    Args:
        quantiles: K, the quantiles of each action's return; 1 for the Q-value alone.
    """

    def __init__(self, quantiles: int) -> None:
        super().__init__()
        self.quantiles = quantiles

    @torch.no_grad()
    def mean_head(self) -> "Head":
        """Return a head of the same Q-values without quantiles and noise; a head that has neither returns itself.

        The last layer of a stream is linear: the mean of its outputs is one output by the mean of their weights.
        The two are equal within float32 rounding.
        """
        if self.quantiles == 1 and not noisy_layers(self):
            return self
        mean = copy.deepcopy(self)
        mean.quantiles = 1
        for name, layer in list(mean.named_modules()):
            if isinstance(layer, NoisyLinear):
                mean.set_submodule(name, layer.mean())
        for stream in mean.children():
            *_, last = (layer for layer in stream.modules() if isinstance(layer, nn.Linear))
            last.weight = nn.Parameter(_means(last.weight, self.quantiles))
            last.bias = nn.Parameter(_means(last.bias, self.quantiles))
            last.out_features //= self.quantiles
        return mean


class LinearHead(Head):
    """Q(s, ·) as a linear function of the features, or of one hidden ReLU layer.

    Args:
        features: Width of the input.
        actions: A.
        hidden: Width of the ReLU layer; 0 leaves it out.
        zero_init: Start with Q = 0 everywhere.
        quantiles: K, the quantiles of each action's return; 1 for the Q-value alone.
        noisy: Use noisy weights (`rlvision.nn.noisy`).
    """

    def __init__(
        self,
        features: int,
        actions: int,
        *,
        hidden: int = 0,
        zero_init: bool = False,
        quantiles: int = 1,
        noisy: bool = False,
    ) -> None:
        super().__init__(quantiles)
        self.q = _stream(features, actions * quantiles, hidden, zero_init, noisy)

    def forward(self, features: Tensor) -> QOutput:
        """Q-values of features [B, F] of any floating type."""
        with torch.autocast(features.device.type, enabled=False):
            return _output(self.q(features.float()).unflatten(1, (-1, self.quantiles)))


class DuelingHead(Head):
    """The dueling architecture (Wang et al. 2016, equation 9).

    ``Q(s, a) = V(s) + A(s, a) - 1/|A| Σ_a' A(s, a')``, with separate streams for V and A.

    Args:
        features: Width of the input.
        actions: A.
        hidden: Width of a ReLU layer in each stream; 0 leaves it out.
        zero_init: Start with Q = 0 everywhere.
        quantiles: K, the quantiles of each action's return and of each stream; 1 for the Q-value alone.
        noisy: Use noisy weights (`rlvision.nn.noisy`).
    """

    def __init__(
        self,
        features: int,
        actions: int,
        *,
        hidden: int = 0,
        zero_init: bool = False,
        quantiles: int = 1,
        noisy: bool = False,
    ) -> None:
        super().__init__(quantiles)
        self.value = _stream(features, quantiles, hidden, zero_init, noisy)
        self.advantage = _stream(features, actions * quantiles, hidden, zero_init, noisy)

    def forward(self, features: Tensor) -> QOutput:
        """Q-values of features [B, F] of any floating type."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            advantage = self.advantage(features).unflatten(1, (-1, self.quantiles))  # [B, A, K]
            return _output(self.value(features).unsqueeze(1) + advantage - advantage.mean(1, keepdim=True))


def _means(parameter: Tensor, quantiles: int) -> Tensor:
    """Average the K consecutive rows of each action: [A, ..] of [A * K, ..]."""
    return parameter.reshape(-1, quantiles, *parameter.shape[1:]).mean(1)


def _output(values: Tensor) -> QOutput:
    """Return the output of quantiles [B, A, K]; a single quantile is the Q-value itself."""
    if values.shape[2] == 1:
        return QOutput(q_values=values.squeeze(2))
    return QOutput(q_values=values.mean(2), quantiles=values)


def _stream(features: int, outputs: int, hidden: int, zero_init: bool, noisy: bool) -> nn.Module:
    linear = NoisyLinear if noisy else nn.Linear
    last = linear(hidden or features, outputs)
    if zero_init:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(linear(features, hidden), nn.ReLU(inplace=True), last) if hidden else last
