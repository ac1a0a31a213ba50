"""Encoders to compare DN with: two published convolutional ones and a fully connected one."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from rlvision.core.errors import ConfigError
from rlvision.nn.encoder_base import Encoder, Level, Window, as_float, feature_map
from rlvision.nn.norm_variants import MOMENTUM, Norm
from rlvision.nn.normalisation import normalisation


class NatureCNN(Encoder):
    """The encoder of "Human-level control through deep reinforcement learning" (Mnih et al. 2015).

    Three convolutions (32 8x8/4, 64 4x4/2, 64 3x3/1) and a linear layer of ``hidden`` features,
    each followed by a ReLU. The paper has no normalisation. Frames must be at least 36x36.

    Raises:
        ConfigError: The frames are too small, or the norm is unknown.
    """

    idea, paper = "the first network that played Atari as people do", "Mnih et al. 2015"

    def __init__(
        self,
        in_channels: int,
        height: int,
        width: int,
        *,
        norm: Norm = "none",
        momentum: float = MOMENTUM,
        hidden: int = 512,
    ) -> None:
        super().__init__()
        self.windows = (Window(8, 4), Window(4, 2), Window(3, 1))
        rows, columns = feature_map(height, width, self.windows)
        self.conv1, self.norm1 = nn.Conv2d(in_channels, 32, 8, 4), normalisation(norm, 32, momentum)
        self.conv2, self.norm2 = nn.Conv2d(32, 64, 4, 2), normalisation(norm, 64, momentum)
        self.conv3, self.norm3 = nn.Conv2d(64, 64, 3, 1), normalisation(norm, 64, momentum)
        self.act1, self.act2, self.act3 = (nn.ReLU(inplace=True) for _ in range(3))
        self.hidden = nn.Sequential(nn.Linear(64 * rows * columns, hidden), nn.ReLU(inplace=True))
        self.features = hidden
        self.levels = {"low": Level("act1", 32, 4), "mid": Level("act2", 64, 8), "high": Level("act3", 64, 8)}
        self.normalised = {"conv1": "norm1", "conv2": "norm2", "conv3": "norm3"}

    def forward(self, observation: Tensor) -> Tensor:
        """Return the features [B, features] of observations [B, C, H, W]."""
        x = as_float(observation)
        x = self.act1(self.norm1(self.conv1(x)))  # [B, 32, H/4, W/4]
        x = self.act2(self.norm2(self.conv2(x)))  # [B, 64, H/8, W/8]
        x = self.act3(self.norm3(self.conv3(x)))  # [B, 64, H/8 - 2, W/8 - 2]
        return self.hidden(x.flatten(1))  # type: ignore[no-any-return]


class ImpalaCNN(Encoder):
    """The residual encoder of IMPALA (Espeholt et al. 2018, figure 3, right), widened by ``width_multiplier``.

    Three stages of (16, 32, 32) x ``width_multiplier`` channels, each a 3x3 convolution, a 3x3/2
    max-pooling and two residual blocks; then ReLU and a linear layer of ``hidden`` features. The
    paper has no normalisation; a ``norm`` follows every convolution. Frames may have any size.

    Raises:
        ConfigError: The width is not positive, or the norm is unknown.
    """

    idea, paper = "residual blocks after each pooling", "Espeholt et al. 2018"

    def __init__(
        self,
        in_channels: int,
        height: int,
        width: int,
        *,
        width_multiplier: int = 1,
        norm: Norm = "none",
        momentum: float = MOMENTUM,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        if width_multiplier < 1:
            raise ConfigError(f"expected a width multiplier of at least 1, got {width_multiplier}: 1 is the paper's")
        same, halved = Window(3, 1, 1), Window(3, 2, 1)
        self.windows = 3 * (same, halved, *4 * (same,))  # of a stage: convolution, pooling, two residual blocks
        rows, columns = feature_map(height, width, self.windows)
        narrow, wide = 16 * width_multiplier, 32 * width_multiplier
        self.stage1 = _Stage(in_channels, narrow, norm, momentum)
        self.stage2 = _Stage(narrow, wide, norm, momentum)
        self.stage3 = _Stage(wide, wide, norm, momentum)
        self.hidden = nn.Sequential(
            nn.ReLU(), nn.Flatten(), nn.Linear(wide * rows * columns, hidden), nn.ReLU(inplace=True)
        )
        self.features = hidden
        self.levels = {
            "low": Level("stage1", narrow, 2),
            "mid": Level("stage2", wide, 4),
            "high": Level("stage3", wide, 8),
        }
        self.normalised = {f"{name}.0": f"{name}.1" for name, m in self.named_modules() if isinstance(m, _Convolution)}

    def forward(self, observation: Tensor) -> Tensor:
        """Return the features [B, features] of observations [B, C, H, W]."""
        x = self.stage3(self.stage2(self.stage1(as_float(observation))))  # [B, 32 * width, H/8, W/8]
        return self.hidden(x)  # type: ignore[no-any-return]


class MLP(Encoder):
    """Fully connected layers with ReLUs over the flattened pixels, as a weak baseline.

    Raises:
        ConfigError: No hidden layer is given.
    """

    idea = "dense layers over the pixels"

    def __init__(self, in_channels: int, height: int, width: int, *, hidden: Sequence[int] = (256, 256)) -> None:
        super().__init__()
        if not hidden:
            raise ConfigError("expected at least one hidden layer for the MLP, got none: set hidden=(256, 256), say")
        sizes = (in_channels * height * width, *hidden)
        blocks = [nn.Sequential(nn.Linear(*pair), nn.ReLU(inplace=True)) for pair in pairwise(sizes)]
        self.layers = nn.Sequential(*blocks)
        self.windows = ()
        self.features = hidden[-1]
        self.levels = {f"hidden{i + 1}": Level(f"layers.{i}", size, 0) for i, size in enumerate(hidden)}

    def forward(self, observation: Tensor) -> Tensor:
        """Return the features [B, features] of observations [B, C, H, W]."""
        return self.layers(as_float(observation).flatten(1))  # type: ignore[no-any-return]


class _Stage(nn.Module):
    """A convolution, a max-pooling that halves the map, and two residual blocks."""

    def __init__(self, in_channels: int, channels: int, norm: Norm, momentum: float) -> None:
        super().__init__()
        self.conv = _Convolution(in_channels, channels, norm, momentum)
        self.blocks = nn.Sequential(*(_Residual(channels, norm, momentum) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(F.max_pool2d(self.conv(x), 3, stride=2, padding=1))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    """x plus two convolutions of x, each after a ReLU."""

    def __init__(self, channels: int, norm: Norm, momentum: float) -> None:
        super().__init__()
        self.conv1 = _Convolution(channels, channels, norm, momentum)
        self.conv2 = _Convolution(channels, channels, norm, momentum)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))  # type: ignore[no-any-return]


class _Convolution(nn.Sequential):
    """A 3x3 convolution and its normalisation."""

    def __init__(self, in_channels: int, channels: int, norm: Norm, momentum: float) -> None:
        super().__init__(nn.Conv2d(in_channels, channels, 3, padding=1), normalisation(norm, channels, momentum))
