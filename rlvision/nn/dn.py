"""DN, the network of the deep-learning chapter behind this project: three convolutions, BatchNorm, a linear head."""

from functools import partial
from typing import TypedDict, Unpack

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

KERNEL = 5
REFERENCE_MOMENTUM = 0.1
"""Momentum of the reference network's BatchNorm layers, torch's default."""


class DNOptions(TypedDict, total=False):
    """The keyword arguments of `DNEncoder`, for functions that forward them."""

    activation: Activation
    negative_slope: float
    norm: Norm
    momentum: float
    max_pool: bool
    hidden: int
    dropout: float


class DNEncoder(Encoder):
    """DN without its head.

    ::

        [C, H, W] -> conv 5x5/2, 16 -> bn -> act      low
                  -> conv 5x5/2, 32 -> bn -> act      mid
                  -> conv 5x5/2, 32 -> bn -> act      high
                  -> flatten [-> linear, hidden -> act] -> dropout -> [features]

    Args:
        in_channels: C of the observations.
        height: H, at least 29 (36 with ``max_pool``).
        width: W, likewise.
        activation: Non-linearity after each layer.
        negative_slope: Slope of a leaky ReLU for negative inputs.
        norm: Normalisation after each convolution (`rlvision.nn.normalisation`).
        momentum: Weight of a new batch in the running statistics (PyTorch's convention).
        max_pool: Halve the map by 2x2 max-pooling after each activation; the convolutions then have stride 1.
        hidden: Width of a linear layer after the convolutions; 0 leaves it out.
        dropout: Probability of dropping a feature in training mode; evaluation mode drops none.

    Raises:
        ConfigError: The frames are too small, or an option is unknown or out of range.
    """

    idea, paper = "5x5 convolutions of stride two, each normalised", "the chapter"

    def __init__(
        self,
        in_channels: int,
        height: int,
        width: int,
        *,
        activation: Activation = "relu",
        negative_slope: float = NEGATIVE_SLOPE,
        norm: Norm = "renorm",
        momentum: float = MOMENTUM,
        max_pool: bool = False,
        hidden: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.windows = 3 * (_POOLED if max_pool else _STRIDED)
        rows, columns = feature_map(height, width, self.windows)
        stride = 1 if max_pool else 2
        act = partial(make_activation, activation, negative_slope)
        pool = partial(nn.MaxPool2d, 2) if max_pool else nn.Identity
        self.conv1 = nn.Conv2d(in_channels, 16, KERNEL, stride)
        self.bn1, self.act1, self.pool1 = normalisation(norm, 16, momentum), act(), pool()
        self.conv2 = nn.Conv2d(16, 32, KERNEL, stride)
        self.bn2, self.act2, self.pool2 = normalisation(norm, 32, momentum), act(), pool()
        self.conv3 = nn.Conv2d(32, 32, KERNEL, stride)
        self.bn3, self.act3, self.pool3 = normalisation(norm, 32, momentum), act(), pool()
        self.hidden = nn.Sequential(nn.Linear(32 * rows * columns, hidden), act()) if hidden else nn.Identity()
        self.dropout = dropout_layer(dropout)
        self.features = hidden or 32 * rows * columns
        self.levels = {
            "low": Level("act1", 16, stride),
            "mid": Level("act2", 32, 2 * stride),
            "high": Level("act3", 32, 4 * stride),
        }
        self.normalised = {"conv1": "bn1", "conv2": "bn2", "conv3": "bn3"}

    @property
    def matches_reference(self) -> bool:
        """Whether the layers are the reference's: strides, ReLU, a batch normalisation, no hidden layer."""
        is_usual = isinstance(self.bn1, nn.BatchNorm2d) and isinstance(self.act1, nn.ReLU)
        return is_usual and isinstance(self.pool1, nn.Identity) and isinstance(self.hidden, nn.Identity)

    def forward(self, observation: Tensor) -> Tensor:
        """Return the features [B, features] of observations [B, C, H, W]."""
        x = as_float(observation)
        x = self.pool1(self.act1(self.bn1(self.conv1(x))))  # [B, 16, H/2, W/2]
        x = self.pool2(self.act2(self.bn2(self.conv2(x))))  # [B, 32, H/4, W/4]
        x = self.pool3(self.act3(self.bn3(self.conv3(x))))  # [B, 32, H/8, W/8]
        return self.dropout(self.hidden(x.flatten(1)))  # type: ignore[no-any-return]


class DN(DNEncoder):
    """The reference network, head included; with the defaults it equals the chapter's class bit for bit.

    The ``state_dict`` of either class loads into the other.

    Args:
        height: H of the frames, at least 29.
        width: W of the frames, at least 29.
        outputs: A, the number of actions.
        in_channels: C of the frames.
        options: Those of `DNEncoder`; ``norm`` defaults to "batch" and ``momentum`` to 0.1.
    """

    def __init__(
        self, height: int, width: int, outputs: int, in_channels: int = 1, **options: Unpack[DNOptions]
    ) -> None:
        options = {"norm": "batch", "momentum": REFERENCE_MOMENTUM, **options}
        super().__init__(in_channels, height, width, **options)
        self.head = nn.Linear(self.features, outputs)

    def forward(self, observation: Tensor) -> Tensor:
        """Return the Q-values [B, A] of observations [B, C, H, W]."""
        return self.head(super().forward(observation))  # type: ignore[no-any-return]


_STRIDED = (Window(KERNEL, 2),)
_POOLED = (Window(KERNEL, 1), Window(2, 2))
