"""DN on other scales of pixels, for the experiments that ask whether the input's scale matters."""

from typing import Unpack

from torch import Tensor

from rlvision.nn.dn import DNEncoder, DNOptions
from rlvision.nn.encoder import as_float


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
