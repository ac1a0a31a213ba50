"""Networks: encoders, normalisation, heads, the Q-network with its target, fused convolutions, CUDA graphs."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.nn.costs import network_costs as network_costs
    from rlvision.nn.cuda_graphs import CaptureFn as CaptureFn
    from rlvision.nn.cuda_graphs import GraphedByShape as GraphedByShape
    from rlvision.nn.cuda_graphs import GraphedFunction as GraphedFunction
    from rlvision.nn.cuda_graphs import cuda_graph as cuda_graph
    from rlvision.nn.diagnostics import GapMonitor as GapMonitor
    from rlvision.nn.diagnostics import diagnose as diagnose
    from rlvision.nn.dn import DN as DN
    from rlvision.nn.dn import DNEncoder as DNEncoder
    from rlvision.nn.encoder_base import Encoder as Encoder
    from rlvision.nn.encoder_base import Level as Level
    from rlvision.nn.encoder_base import Window as Window
    from rlvision.nn.field_of_view import seen_pixels as seen_pixels
    from rlvision.nn.field_of_view import whole_sizes as whole_sizes
    from rlvision.nn.fusion import channels_last as channels_last
    from rlvision.nn.fusion import fuse_conv_bn as fuse_conv_bn
    from rlvision.nn.fusion import fuse_conv_bn_train as fuse_conv_bn_train
    from rlvision.nn.fusion import to_channels_last_float as to_channels_last_float
    from rlvision.nn.heads import DuelingHead as DuelingHead
    from rlvision.nn.heads import Head as Head
    from rlvision.nn.heads import LinearHead as LinearHead
    from rlvision.nn.noisy import NoisyLinear as NoisyLinear
    from rlvision.nn.noisy import resample_noise as resample_noise
    from rlvision.nn.norm_variants import NORM_VARIANTS as NORM_VARIANTS
    from rlvision.nn.norm_variants import NormVariant as NormVariant
    from rlvision.nn.norm_variants import resolve_momentum as resolve_momentum
    from rlvision.nn.normalisation import BatchRenorm2d as BatchRenorm2d
    from rlvision.nn.qnetwork import QNetwork as QNetwork
    from rlvision.nn.qnetwork import shared_weight_copy as shared_weight_copy
    from rlvision.nn.registry import build_encoder as build_encoder
    from rlvision.nn.registry import make_q_network as make_q_network
    from rlvision.nn.registry import norm_variant as norm_variant
    from rlvision.nn.settings import OWN_SIZES as OWN_SIZES
    from rlvision.nn.settings import NetworkSettings as NetworkSettings
    from rlvision.nn.stacks import Stack as Stack
    from rlvision.nn.stacks import StackedEncoder as StackedEncoder
    from rlvision.nn.standard_encoders import MLP as MLP
    from rlvision.nn.standard_encoders import ImpalaCNN as ImpalaCNN
    from rlvision.nn.standard_encoders import NatureCNN as NatureCNN
    from rlvision.nn.target_network import OnlineActor as OnlineActor
    from rlvision.nn.target_network import OnlineTargetActor as OnlineTargetActor
    from rlvision.nn.target_network import batch_statistics_forward as batch_statistics_forward
    from rlvision.nn.target_network import recalibrate as recalibrate

__getattr__, __all__ = public_names(
    __name__,
    {
        "costs": ["network_costs"],
        "cuda_graphs": ["CaptureFn", "GraphedByShape", "GraphedFunction", "cuda_graph"],
        "diagnostics": ["GapMonitor", "diagnose"],
        "dn": ["DN", "DNEncoder"],
        "encoder_base": ["Encoder", "Level", "Window"],
        "field_of_view": ["seen_pixels", "whole_sizes"],
        "fusion": ["channels_last", "fuse_conv_bn", "fuse_conv_bn_train", "to_channels_last_float"],
        "heads": ["DuelingHead", "Head", "LinearHead"],
        "noisy": ["NoisyLinear", "resample_noise"],
        "norm_variants": ["NORM_VARIANTS", "NormVariant", "resolve_momentum"],
        "normalisation": ["BatchRenorm2d"],
        "qnetwork": ["QNetwork", "shared_weight_copy"],
        "registry": ["build_encoder", "make_q_network", "norm_variant"],
        "settings": ["NetworkSettings", "OWN_SIZES"],
        "stacks": ["Stack", "StackedEncoder"],
        "standard_encoders": ["ImpalaCNN", "MLP", "NatureCNN"],
        "target_network": ["OnlineActor", "OnlineTargetActor", "batch_statistics_forward", "recalibrate"],
    },
)
