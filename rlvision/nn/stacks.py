"""Encoders that are described layer by layer; their sizes, levels and windows follow from the description."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self, TypedDict, Unpack

from torch import Tensor, nn

from rlvision.nn.encoder_base import (
    NEGATIVE_SLOPE,
    Activation,
    Encoder,
    Level,
    Window,
    as_float,
    dropout_layer,
    feature_map,
    make_activation,
)
from rlvision.nn.norm_variants import MOMENTUM, Norm
from rlvision.nn.normalisation import normalisation


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """The normalisation and the activation after each convolution.

    Attributes:
        norm: The normalisation (`rlvision.nn.normalisation`).
        momentum: Weight of a new batch in the running statistics (PyTorch's convention).
        activation: The non-linearity.
        negative_slope: Slope of a leaky ReLU for negative inputs.
    """

    norm: Norm = "renorm"
    momentum: float = MOMENTUM
    activation: Activation = "relu"
    negative_slope: float = NEGATIVE_SLOPE

    def act(self) -> nn.Module:
        """Return a new activation."""
        return make_activation(self.activation, self.negative_slope)


class StackOptions(TypedDict, total=False):
    """The keyword arguments of a `StackedEncoder`: those of `UnitOptions`, and ``dropout``."""

    norm: Norm
    momentum: float
    activation: Activation
    negative_slope: float
    dropout: float


class Unit(nn.Sequential):
    """A convolution, its normalisation and its activation."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        *,
        options: UnitOptions,
        activates: bool = True,
    ) -> None:
        layers: dict[str, nn.Module] = {
            "conv": nn.Conv2d(in_channels, channels, kernel, stride, padding),
            "norm": normalisation(options.norm, channels, options.momentum),
        }
        super().__init__(OrderedDict(layers | ({"act": options.act()} if activates else {})))


class Stack:
    """A list of layers in a row, to which they are added one by one.

    Args:
        channels: C of the input.
        options: Of each convolution.

    Attributes:
        layers: So far.
        channels: C of the output so far.
        windows: Of the convolutions and poolings so far.
        levels: The layers that have been named so far.
    """

    def __init__(self, channels: int, options: UnitOptions) -> None:
        self.layers: list[nn.Module] = []
        self.channels, self.options = channels, options
        self.windows: tuple[Window, ...] = ()
        self.levels: dict[str, Level] = {}
        self.is_pooled = False

    def conv(self, channels: int, kernel: int, stride: int = 1, padding: int = 0) -> Self:
        """Add a convolution with its normalisation and activation."""
        unit = Unit(self.channels, channels, kernel, stride, padding, options=self.options)
        return self.block(unit, channels, Window(kernel, stride, padding))

    def max_pool(self, kernel: int, stride: int | None = None) -> Self:
        """Add a max-pooling; its windows do not overlap unless the stride is smaller."""
        pool = nn.MaxPool2d(kernel, stride or kernel)
        return self.block(pool, self.channels, Window(kernel, stride or kernel))

    def average_pool(self, kernel: int) -> Self:
        """Add an average over windows that do not overlap."""
        return self.block(nn.AvgPool2d(kernel), self.channels, Window(kernel, kernel))

    def global_average(self) -> Self:
        """Add the average over each map, which leaves one number a channel."""
        self.is_pooled = True
        return self.block(nn.AdaptiveAvgPool2d(1), self.channels)

    def block(self, module: nn.Module, channels: int, *windows: Window) -> Self:
        """Add a module with this many channels in its output, and these windows on its longest path."""
        self.layers.append(module)
        self.channels, self.windows = channels, (*self.windows, *windows)
        return self

    def level(self, name: str) -> Self:
        """Name the output of the last layer."""
        self.levels[name] = Level(
            f"layers.{len(self.layers) - 1}", self.channels, prod(one.stride for one in self.windows)
        )
        return self


class StackedEncoder(Encoder, ABC):
    """Layers in a row, a flattening and dense layers.

    A subclass adds its layers in `build`.

    Args:
        in_channels: C of the observations.
        height: H.
        width: W.
        options: Those of `UnitOptions`, and ``dropout``, the probability of dropping a feature in training mode.

    Raises:
        ConfigError: The frames are too small, or an option is unknown or out of range.
    """

    dense: ClassVar[tuple[int, ...]] = ()
    """Widths of the dense layers."""

    def __init__(self, in_channels: int, height: int, width: int, **options: Unpack[StackOptions]) -> None:
        super().__init__()
        dropout = options.pop("dropout", 0.0)
        units = UnitOptions(**options)  # type: ignore[misc]
        stack = Stack(in_channels, units)
        self.build(stack)
        self.layers = nn.Sequential(*stack.layers)
        self.windows, self.levels = stack.windows, stack.levels
        rows, columns = feature_map(height, width, self.windows)
        sizes = (stack.channels * (1 if stack.is_pooled else rows * columns), *self.dense)
        self.hidden = nn.Sequential(nn.Flatten())
        for inputs, outputs in zip(sizes, self.dense, strict=False):
            self.hidden.extend((nn.Linear(inputs, outputs), units.act()))
        self.dropout = dropout_layer(dropout)
        self.features = sizes[-1]
        named = self.named_modules()
        self.normalised = {f"{name}.conv": f"{name}.norm" for name, module in named if isinstance(module, Unit)}

    @abstractmethod
    def build(self, stack: Stack) -> None:
        """Add the layers to a stack."""

    def forward(self, observation: Tensor) -> Tensor:
        """Return the features [B, features] of observations [B, C, H, W]."""
        return self.dropout(self.hidden(self.layers(as_float(observation))))  # type: ignore[no-any-return]
