"""DN on pixels around zero, for the experiment that asks whether the scale of the input matters."""

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
