"""An encoder of your own: pixels to features, with levels that can be looked at.

Run it from this folder, by this script or by the command line::

    python own_network.py
    rlvision train cartpole-dqn --network.encoder=own_network:Residual --network.kwargs='{channels: 16}' \
        --out=runs/residual
    rlvision watch runs/residual --trust-imports --web
"""

import argparse

import torch
from torch import Tensor, nn

import rlvision
from rlvision.nn import Level


class Residual(nn.Module):
    """A strided convolution, a residual block, and a pooling: a small relative of IMPALA's network.

    Args:
        in_channels: C of the observations.
        height: H.
        width: W.
        channels: of the convolutions; ``--network.kwargs='{channels: 16}'`` sets it.
    """

    def __init__(self, in_channels: int, height: int, width: int, channels: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, channels, 5, stride=3)
        self.norm = nn.GroupNorm(1, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        with torch.no_grad():
            shape = self._maps(torch.zeros(1, in_channels, height, width)).shape
        self.features = shape[1:].numel()  # the width of the output: an encoder has to say it
        self.levels = {"low": Level("norm", channels, 3), "high": Level("pool", channels, 6)}  # what watch can show

    def forward(self, observation: Tensor) -> Tensor:
        """Features [B, features] of pixels in [0, 1], [B, C, H, W]."""
        return self._maps(observation).flatten(1)

    def _maps(self, observation: Tensor) -> Tensor:
        x = self.norm(self.stem(observation)).relu()
        x = x + self.second(self.first(x).relu())
        pooled: Tensor = self.pool(x.relu())
        return pooled


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train DQN with it on CartPole from pixels.")
    parser.add_argument("--env-steps", type=int, default=24_000)
    parser.add_argument("--out", default="runs/residual")
    arguments = parser.parse_args()
    settings = {"network.encoder": "own_network:Residual", "env_steps": arguments.env_steps, "out": arguments.out}
    run = rlvision.train(rlvision.load_config("cartpole-dqn", settings))
    print(f"mean score of 10 games: {run.evaluate(games=10).mean:.1f}")
