"""The base class of encoders, which map frames to features and name the feature levels on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from rlvision.core.errors import ConfigError

Activation = Literal["relu", "leaky_relu", "tanh", "sigmoid"]
NEGATIVE_SLOPE = 0.01
"""Slope of a leaky ReLU for negative inputs, torch's default."""


@dataclass(frozen=True, slots=True)
class Level:
    """A layer of a network whose features can be read.

    Attributes:
        module: Name of the submodule whose output is read.
        channels: C of its output [B, C, h, w], or the width of [B, channels].
        reduction: Pixels of the frame per cell of the feature map along one side; 0 without a map.
    """

    module: str
    channels: int
    reduction: int


class Encoder(nn.Module):
    """A network from observations [B, C, H, W] to features [B, features].

    It scales uint8 observations to [0, 1] (`as_float`) and uses floating-point ones unchanged.

    Attributes:
        idea: What sets it apart, in a few words, for `rlvision networks`.
        paper: Where it was published, as "Mnih et al. 2015".
        features: Width of the output.
        levels: Named feature levels, in the order of computation.
        normalised: Convolution -> the submodule that normalises its output and has no other input.
            Each such pair may be evaluated as one layer (`rlvision.nn.fusion`).
        windows: Its convolutions and poolings, in order; none if every pixel has a weight; None if they are unknown.
    """

    idea: str = ""
    paper: str = ""
    features: int
    levels: Mapping[str, Level]
    normalised: Mapping[str, str] = MappingProxyType({})
    windows: "Sequence[Window] | None" = None


def as_float(observation: Tensor) -> Tensor:
    """Scale bytes to [0, 1], in autocast's precision where that is on; return floating-point observations unchanged.

    bfloat16 holds every byte exactly, so its quotients are the rounded float32 ones. Autocast would compute the same
    input for the first layer, with extra copies.
    """
    if observation.dtype != torch.uint8:
        return observation
    return observation.to(autocast_precision(observation.device.type)).div_(255)


def autocast_precision(device: str) -> torch.dtype:
    """Return autocast's precision where it is on for a kind of device, float32 otherwise."""
    is_on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if is_on else torch.float32


@dataclass(frozen=True, slots=True)
class Window:
    """A convolution or a pooling along one dimension."""

    kernel: int
    stride: int = 1
    padding: int = 0

    def outputs(self, size: int) -> int:
        """Return the number of positions of the window along ``size`` pixels; below 1 if it does not fit."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1

    def needs(self, outputs: int) -> int:
        """Return the smallest number of pixels that gives ``outputs`` positions."""
        return max(1, (outputs - 1) * self.stride + self.kernel - 2 * self.padding)


def smallest_frame(windows: Sequence[Window], outputs: int = 1) -> int:
    """Return the smallest height or width that ``windows``, applied in order, leave ``outputs`` pixels of."""
    return reduce(lambda size, window: window.needs(size), reversed(windows), outputs)


def feature_map(height: int, width: int, windows: Sequence[Window]) -> tuple[int, int]:
    """Return the height and width of the feature map that ``windows`` make of a frame.

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


def make_activation(name: str, negative_slope: float = NEGATIVE_SLOPE) -> nn.Module:
    """Return a new activation by name.

    It works in place if the derivative follows from the output alone: then no other tensor is kept for the backward
    pass.

    Raises:
        ConfigError: There is no such activation.
    """
    if name == "leaky_relu":
        return nn.LeakyReLU(negative_slope, inplace=True)
    makers: Mapping[str, Callable[[], nn.Module]] = {
        "relu": partial(nn.ReLU, inplace=True),
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
    }
    if name not in makers:
        names = ", ".join(get_args(Activation))
        raise ConfigError(f"expected an activation out of {names}, got {name!r}; choose one of these")
    return makers[name]()


def dropout_layer(probability: float) -> nn.Dropout:
    """Return a layer that drops features with a probability in training mode.

    Raises:
        ConfigError: It is no probability below 1.
    """
    if not 0.0 <= probability < 1.0:
        raise ConfigError(f"expected a dropout of at least 0 and below 1, got {probability}; 0 switches it off")
    return nn.Dropout(probability)
