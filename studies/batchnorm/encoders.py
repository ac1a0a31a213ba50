"""Encoders on other scales of pixels and of weights, for the experiments that ask whether a scale is what matters."""

from typing import Unpack

from torch import Tensor, nn

from rlvision.nn.dn import DNEncoder, DNOptions
from rlvision.nn.encoder_base import as_float
from rlvision.nn.standard_encoders import NatureCNN


class CentredDN(DNEncoder):
    """DN that takes pixels as -0.5 to 0.5 where DN takes them as 0 to 1."""

    def forward(self, observation: Tensor) -> Tensor:
        return super().forward(as_float(observation) - 0.5)


class CentredLayerDN(CentredDN):
    """The same with LayerNorm."""

    def __init__(self, in_channels: int, height: int, width: int, **options: Unpack[DNOptions]) -> None:
        super().__init__(in_channels, height, width, **(DNOptions(norm="layer") | options))


class InvertedDN(DNEncoder):
    """DN that takes white as 0 and black as 1: CartPole's white background becomes zeros."""

    def forward(self, observation: Tensor) -> Tensor:
        return super().forward(1.0 - as_float(observation))


class HeDN(DNEncoder):
    """DN without a normalisation, whose weights begin so large that ReLUs keep the scale of what passes.

    He et al. 2015, "Delving Deep into Rectifiers", equation 10.

    As torch builds a convolution, with weights uniform in ±1/sqrt(inputs), its output has a third of the mean square of
    its input, and after ReLU a sixth; three of them leave a two-hundredth.
    """

    def __init__(self, in_channels: int, height: int, width: int, **options: Unpack[DNOptions]) -> None:
        super().__init__(in_channels, height, width, **(DNOptions(norm="none") | options))
        keep_the_scale(self)


class HeNature(NatureCNN):
    """NatureCNN whose weights begin so large that ReLUs keep the scale of what passes, as `HeDN`'s do."""

    def __init__(self, in_channels: int, height: int, width: int) -> None:
        super().__init__(in_channels, height, width)
        keep_the_scale(self)


def keep_the_scale(encoder: nn.Module) -> None:
    """Give convolutions and linear layers the weights of He et al. 2015, equation 10."""
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
