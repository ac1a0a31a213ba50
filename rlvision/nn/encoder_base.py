"""What an encoder is: from frames to features, with named levels on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

import torch
from torch import Tensor, nn

from rlvision.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Level:
    """A place in a network where features can be read.

    Attributes:
        module: Name of the submodule whose output they are.
        channels: Their number: C of [B, C, h, w], or the width of [B, channels].
        reduction: Pixels of the frame per cell of the feature map along one side; 0 without a map.
    """

    module: str
    channels: int
    reduction: int


class Encoder(nn.Module):
    """Turns observations [B, C, H, W] into features [B, features].

    uint8 observations are scaled to [0, 1] inside (`as_float`); floating ones are used as they stand.

    Attributes:
        features: Width of the output.
        levels: Named feature levels, in the order of computation.
        normalised: Which submodule normalises the output of which convolution and sees nothing
            else; what is named here may be evaluated as one layer (`rlvision.nn.fusion`).
    """

    features: int
    levels: Mapping[str, Level]
    normalised: Mapping[str, str] = MappingProxyType({})


def as_float(observation: Tensor) -> Tensor:
    """Pixels in [0, 1] from bytes, in autocast's precision where it is on; floating-point observations pass through.

    bfloat16 holds every byte exactly, so its quotients are the float32 ones, rounded: what autocast would make of
    them for the first layer, without the copies in between.
    """
    if observation.dtype != torch.uint8:
        return observation
    return observation.to(_precision(observation.device.type)).div_(255)


def _precision(device: str) -> torch.dtype:
    """What autocast computes in where it is on for a kind of device, float32 otherwise."""
    is_on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if is_on else torch.float32


@dataclass(frozen=True, slots=True)
class Window:
    """A convolution or a pooling along one dimension."""

    kernel: int
    stride: int = 1
    padding: int = 0

    def outputs(self, size: int) -> int:
        """Positions of the window along ``size`` pixels; below 1 where it does not fit."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1

    def needs(self, outputs: int) -> int:
        """The fewest pixels that give ``outputs`` positions."""
        return max(1, (outputs - 1) * self.stride + self.kernel - 2 * self.padding)


def smallest_frame(windows: Sequence[Window]) -> int:
    """The fewest pixels of height or width that survive all ``windows``, first to last."""
    return reduce(lambda size, window: window.needs(size), reversed(windows), 1)


def feature_map(height: int, width: int, windows: Sequence[Window]) -> tuple[int, int]:
    """Height and width of what ``windows`` leave of a frame.

    Raises:
        ConfigError: The frame is too small; the message names the minimum.
    """
    smallest = smallest_frame(windows)
    if min(height, width) < smallest:
        raise ConfigError(
            f"expected frames of at least {smallest}x{smallest} for this encoder, got {height}x{width}: "
            "resize to larger frames or choose another encoder"
        )
    rows, columns = (reduce(lambda size, window: window.outputs(size), windows, size) for size in (height, width))
    return rows, columns
