"""The ten ways to normalise a Q-network, chosen by ``network.norm``.

============  ========================================================================================
variant       normalisation
============  ========================================================================================
renorm        BatchRenorm (Ioffe 2017) on the running scale; target in evaluation mode. The default
running       BatchNorm; trains on batch statistics, the target evaluates on running statistics
batch         BatchNorm; the target, too, normalises s' by the batch's statistics
joint         BatchNorm over s and s' in one forward, no target network (CrossQ, Bhatt et al. 2024)
fixed         BatchNorm; its statistics are measured before the first update and never change
frozen        BatchNorm; trains on running statistics too, without a gradient through them
recalibrated  BatchNorm; replay batches measure the target's statistics again at each sync
layer         LayerNorm over channels and pixels (one group)
group         GroupNorm with four groups
none          no normalisation
============  ========================================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MOMENTUM = 0.1
"""Default weight of the newest batch in the running statistics (PyTorch's convention and default)."""
FAST_MOMENTUM = 0.9
"""Momentum by which running statistics nearly equal the last batch's and do not lag behind the weights."""

Norm = Literal["batch", "renorm", "fixed", "frozen", "layer", "group", "none"]
Target = Literal["eval", "batch_statistics", "joint", "recalibrated"]


@dataclass(frozen=True, slots=True)
class NormVariant:
    """One way to normalise: the layer of the encoder, and the computation of bootstrap values.

    Attributes:
        layer: the layer after each convolution (`rlvision.nn.normalisation`).
        target: "eval": target(s') in evaluation mode. "batch_statistics": target(s') normalised by its own batch.
            "joint": online(s and s') in one forward. "recalibrated": as "eval", with statistics measured on
            replay batches at each sync.
        momentum: the default momentum of its running statistics (docs/network.md).
    """

    layer: Norm
    target: Target
    momentum: float = MOMENTUM


NORM_VARIANTS: Mapping[str, NormVariant] = {
    "renorm": NormVariant("renorm", "eval"),
    "running": NormVariant("batch", "eval", FAST_MOMENTUM),
    "batch": NormVariant("batch", "batch_statistics", FAST_MOMENTUM),
    "joint": NormVariant("batch", "joint"),
    "fixed": NormVariant("fixed", "eval"),
    "frozen": NormVariant("frozen", "eval"),
    "recalibrated": NormVariant("batch", "recalibrated"),
    "layer": NormVariant("layer", "eval"),
    "group": NormVariant("group", "eval"),
    "none": NormVariant("none", "eval"),
}


def resolve_momentum(norm: str, chosen: float | None) -> float:
    """Return the chosen momentum of the running statistics; None chooses the variant's default."""
    return NORM_VARIANTS[norm].momentum if chosen is None else chosen
