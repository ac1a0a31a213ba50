"""The ten answers to BatchNorm in Q-learning, behind one setting.

============  ========================================================================================
variant       what it does
============  ========================================================================================
renorm        BatchRenorm (Ioffe 2017) on the running scale; target in evaluation mode. The default
running       BatchNorm trains on batch statistics, the target evaluates on running ones
batch         BatchNorm; the target, too, normalises s' by the batch's statistics
joint         BatchNorm over s and s' in one forward, no target network (CrossQ, Bhatt et al. 2024)
fixed         BatchNorm whose statistics are measured once, before the first update, and then stay
frozen        running statistics in the training forward too, no gradient through them
recalibrated  BatchNorm; the target's statistics are measured anew, on replay batches, at each sync
layer         LayerNorm over channels and pixels (one group)
group         GroupNorm with four groups
none          no normalisation
============  ========================================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MOMENTUM = 0.1
"""Weight of the newest batch in the running statistics (PyTorch's convention, and its default)."""
FAST_MOMENTUM = 0.9
"""Momentum of running statistics that are nearly the last batch's, so that they do not trail the weights."""

Norm = Literal["batch", "renorm", "fixed", "frozen", "layer", "group", "none"]
Target = Literal["eval", "batch_statistics", "joint", "recalibrated"]


@dataclass(frozen=True, slots=True)
class NormVariant:
    """One answer: which layer the encoder is built with, and how bootstrap values are computed.

    ``target`` is "eval": target(s') in evaluation mode; "batch_statistics": target(s') normalised
    by its own batch; "joint": online(s and s') in one forward; "recalibrated": as "eval", with
    statistics measured on replay batches at each sync. ``momentum`` is that of its running statistics,
    where they move and no other is chosen (docs/network.md).
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
    """The momentum of a variant's running statistics: the chosen one, or where that is None the variant's own."""
    return NORM_VARIANTS[norm].momentum if chosen is None else chosen
