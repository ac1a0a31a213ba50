"""The benchmark's networks as a user of another library writes them: plain torch, BatchNorm by that library's rules."""

import torch
from contenders.work import Work
from torch import Tensor, nn

DN_WIDTHS = (16, 32, 32)


def dn_layers(channels: int, norm: str) -> nn.Sequential:
    """Return three 5x5 convolutions of stride 2, each followed by a BatchNorm (or nothing) and a ReLU; flattened."""
    layer = nn.BatchNorm2d if norm == "batch" else nn.Identity
    pairs = zip((channels, *DN_WIDTHS), DN_WIDTHS, strict=False)
    blocks = [(nn.Conv2d(before, after, 5, 2), layer(after), nn.ReLU()) for before, after in pairs]
    return nn.Sequential(*(module for block in blocks for module in block), nn.Flatten())


def nature_layers(channels: int) -> nn.Sequential:
    """Return the encoder of Mnih et al. 2015 without its linear layer; flattened."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 8, 4),
        nn.ReLU(),
        nn.Conv2d(32, 64, 4, 2),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, 1),
        nn.ReLU(),
        nn.Flatten(),
    )


def width(layers: nn.Module, channels: int, height: int, columns: int) -> int:
    """Return the number of features of frames [C, H, W]."""
    with torch.no_grad():
        return int(layers.eval()(torch.zeros(1, channels, height, columns)).shape[1])


class PlainQNetwork(nn.Module):
    """A network from uint8 observations [..., C, 84, 84] to Q-values [..., A]."""

    def __init__(self, work: Work, actions: int, channels: int = 4) -> None:
        super().__init__()
        dn = work.network == "dn"
        layers = dn_layers(channels, work.norm) if dn else nature_layers(channels)
        features = width(layers, channels, 84, 84)
        self.layers = layers.train()
        hidden = nn.Identity() if dn else nn.Sequential(nn.Linear(features, 512), nn.ReLU())
        self.head = nn.Sequential(hidden, nn.Linear(features if dn else 512, actions))

    def forward(self, observation: Tensor) -> Tensor:
        flat = observation.reshape(-1, *observation.shape[-3:]).float() / 255
        return self.head(self.layers(flat)).reshape(*observation.shape[:-3], -1)  # type: ignore[no-any-return]
