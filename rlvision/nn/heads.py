"""Heads: from features to Q-values, always in float32.

bfloat16 resolves 0.016 at |Q| = 2, as much as the actions of Pong differ, and ties fall to the
first action; so a head leaves autocast whatever the encoder before it does.
"""

import torch
from torch import Tensor, nn

from rlvision.types import QOutput


class LinearHead(nn.Module):
    """Q(s, ·) as a linear function of the features, or of one ReLU layer over them.

    Args:
        features: Width of the input.
        actions: A.
        hidden: Width of the ReLU layer; 0 leaves it out.
        zero_init: Start with Q = 0 everywhere.
    """

    def __init__(self, features: int, actions: int, *, hidden: int = 0, zero_init: bool = False) -> None:
        super().__init__()
        self.q = _stream(features, actions, hidden, zero_init)

    def forward(self, features: Tensor) -> QOutput:
        """Q-values of features [B, F] of any floating type."""
        with torch.autocast(features.device.type, enabled=False):
            return QOutput(q_values=self.q(features.float()))


class DuelingHead(nn.Module):
    """The dueling architecture (Wang et al. 2016, equation 9).

    ``Q(s, a) = V(s) + A(s, a) - 1/|A| Σ_a' A(s, a')``; V and A are streams of their own.

    Args:
        features: Width of the input.
        actions: A.
        hidden: Width of a ReLU layer in each stream; 0 leaves it out.
        zero_init: Start with Q = 0 everywhere.
    """

    def __init__(self, features: int, actions: int, *, hidden: int = 0, zero_init: bool = False) -> None:
        super().__init__()
        self.value = _stream(features, 1, hidden, zero_init)
        self.advantage = _stream(features, actions, hidden, zero_init)

    def forward(self, features: Tensor) -> QOutput:
        """Q-values of features [B, F] of any floating type."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            advantage = self.advantage(features)  # [B, A]
            return QOutput(q_values=self.value(features) + advantage - advantage.mean(1, keepdim=True))


def _stream(features: int, outputs: int, hidden: int, zero_init: bool) -> nn.Module:
    last = nn.Linear(hidden or features, outputs)
    if zero_init:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(inplace=True), last) if hidden else last
