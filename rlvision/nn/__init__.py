"""Networks: encoders, normalisation, heads, the Q-network with its target, fused convolutions, CUDA graphs."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.nn.cuda_graphs import Captured as Captured
    from rlvision.nn.cuda_graphs import CapturedByShape as CapturedByShape
    from rlvision.nn.cuda_graphs import Record as Record
    from rlvision.nn.cuda_graphs import cuda_graph as cuda_graph
    from rlvision.nn.diagnostics import GapWatch as GapWatch
    from rlvision.nn.diagnostics import diagnose as diagnose
    from rlvision.nn.dn import DN as DN
    from rlvision.nn.dn import DNEncoder as DNEncoder
    from rlvision.nn.encoder_base import Encoder as Encoder
    from rlvision.nn.encoder_base import Level as Level
    from rlvision.nn.fusion import channels_last as channels_last
    from rlvision.nn.fusion import folded as folded
    from rlvision.nn.fusion import folded_to_learn as folded_to_learn
    from rlvision.nn.fusion import prepared as prepared
    from rlvision.nn.heads import DuelingHead as DuelingHead
    from rlvision.nn.heads import Head as Head
    from rlvision.nn.heads import LinearHead as LinearHead
    from rlvision.nn.noisy import NoisyLinear as NoisyLinear
    from rlvision.nn.noisy import resample_noise as resample_noise
    from rlvision.nn.norm_variants import ARMS as ARMS
    from rlvision.nn.norm_variants import Arm as Arm
    from rlvision.nn.norm_variants import momentum_of as momentum_of
    from rlvision.nn.normalisation import BatchRenorm2d as BatchRenorm2d
    from rlvision.nn.qnetwork import QNetwork as QNetwork
    from rlvision.nn.qnetwork import sharing_copy as sharing_copy
    from rlvision.nn.registry import build_encoder as build_encoder
    from rlvision.nn.registry import make_q_network as make_q_network
    from rlvision.nn.registry import norm_variant as norm_variant
    from rlvision.nn.settings import NetworkSettings as NetworkSettings
    from rlvision.nn.standard_encoders import MLP as MLP
    from rlvision.nn.standard_encoders import ImpalaCNN as ImpalaCNN
    from rlvision.nn.standard_encoders import NatureCNN as NatureCNN
    from rlvision.nn.target_network import Views as Views
    from rlvision.nn.target_network import batch_statistics_forward as batch_statistics_forward
    from rlvision.nn.target_network import recalibrate as recalibrate

__getattr__, __all__ = public_names(
    __name__,
    {
        "cuda_graphs": ["Captured", "CapturedByShape", "Record", "cuda_graph"],
        "diagnostics": ["GapWatch", "diagnose"],
        "dn": ["DN", "DNEncoder"],
        "encoder_base": ["Encoder", "Level"],
        "fusion": ["channels_last", "folded", "folded_to_learn", "prepared"],
        "heads": ["DuelingHead", "Head", "LinearHead"],
        "noisy": ["NoisyLinear", "resample_noise"],
        "norm_variants": ["ARMS", "Arm", "momentum_of"],
        "normalisation": ["BatchRenorm2d"],
        "qnetwork": ["QNetwork", "sharing_copy"],
        "registry": ["build_encoder", "make_q_network", "norm_variant"],
        "settings": ["NetworkSettings"],
        "standard_encoders": ["ImpalaCNN", "MLP", "NatureCNN"],
        "target_network": ["Views", "batch_statistics_forward", "recalibrate"],
    },
)
