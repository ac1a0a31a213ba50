"""Encoders of a user's own that cannot be built without numbers."""

import torch
from torch import nn


class Particular(nn.Module):
    """An encoder of a user's own that looks at its numbers."""

    def __init__(self, in_channels, height, width):
        super().__init__()
        self.features = in_channels * height * width

    def forward(self, observation):
        assert observation.float().sum().item() >= 0
        return observation.flatten(1).float()


class MoreParticular(Particular):
    """One that does so while it is made."""

    def __init__(self, in_channels, height, width):
        super().__init__(in_channels, height, width)
        assert torch.ones(3).sum().item() == 3
