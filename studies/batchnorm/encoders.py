"""Encoders with other scales of pixels or weights, for experiments on the effect of scale."""

from typing import Unpack

from torch import Tensor, nn

from rlvision.nn.dn import DNEncoder, DNOptions
from rlvision.nn.encoder_base import as_float
from rlvision.nn.standard_encoders import NatureCNN


class CentredDN(DNEncoder):
    """DN on pixels from -0.5 to 0.5 instead of 0 to 1."""

    def forward(self, observation: Tensor) -> Tensor:
        return super().forward(as_float(observation) - 0.5)


class CentredLayerDN(CentredDN):
    """`CentredDN` with LayerNorm."""

    def __init__(self, in_channels: int, height: int, width: int, **options: Unpack[DNOptions]) -> None:
        super().__init__(in_channels, height, width, **(DNOptions(norm="layer") | options))


class InvertedDN(DNEncoder):
    """DN with white as 0 and black as 1, so that CartPole's white background is zero."""

    def forward(self, observation: Tensor) -> Tensor:
        return super().forward(1.0 - as_float(observation))


class HeDN(DNEncoder):
    """DN without a normalisation, with initial weights that preserve the scale through ReLUs.

    Source: He et al. 2015, "Delving Deep into Rectifiers", equation 10.

    Torch initialises a convolution uniformly in ±1/sqrt(inputs). Its output then has a third of the mean square of
    its input, and a sixth after a ReLU; three layers leave a two-hundredth.
    """

    def __init__(self, in_channels: int, height: int, width: int, **options: Unpack[DNOptions]) -> None:
        super().__init__(in_channels, height, width, **(DNOptions(norm="none") | options))
        keep_the_scale(self)


class HeNature(NatureCNN):
    """NatureCNN with initial weights that preserve the scale through ReLUs, like `HeDN`."""

    def __init__(self, in_channels: int, height: int, width: int) -> None:
        super().__init__(in_channels, height, width)
        keep_the_scale(self)


def keep_the_scale(encoder: nn.Module) -> None:
    """Initialise convolutions and linear layers by He et al. 2015, equation 10."""
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
