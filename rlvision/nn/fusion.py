"""Faster forwards of the same Q-values: channels_last memory, shared conversions, fused BatchNorm.

``benchmarks/network.py`` measured DN at 4x84x84, batch 32, on one AVX2 core, in milliseconds of
processor time (the smallest of many rounds on a shared machine)::

    training step, as built                               39.0
    training step, network in channels_last               31.3
    training step, `to_channels_last_float` observations  29.9    and without any normalisation 25.8
    target(s') and actor(s'), as built                    19.5
    target(s') and actor(s'), network in channels_last    19.3
    target(s') and actor(s'), fused, converted once       16.9

The convolutions alone take about 23 of the 30 ms. They run at 60 to 75 Gflop/s; a matrix product reaches
88 on that core. Five other ideas were measured and are slower or equal: space-to-depth, im2col with a
matrix product, sub-pixel backward passes, one first convolution for both networks, and torch.compile.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from rlvision.core.errors import ConfigError
from rlvision.nn.cuda_graphs import is_capturing
from rlvision.nn.encoder_base import as_float
from rlvision.nn.normalisation import FixedBatchNorm2d, running_statistics
from rlvision.nn.qnetwork import QNetwork, shared_weight_copy

Norm = TypeVar("Norm", bound=nn.BatchNorm2d)


def channels_last(network: QNetwork) -> QNetwork:
    """Convert the weights to torch's channels_last layout, in which convolutions run fastest.

    It works in place. Call it before `rlvision.nn.target_network.OnlineTargetActor`, whose views share these tensors.
    """
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def to_channels_last_float(observation: Tensor) -> Tensor:
    """Return observations [B, C, H, W] uint8 as floating-point pixels in the channels_last layout.

    A network does the same inside; several networks that see the same observations can share one conversion.
    Interleaving the bytes plane by plane is a third faster than torch's conversion, and it saves later copies
    of four times the size.
    """
    if observation.ndim != 4:
        raise ConfigError(
            f"expected observations [B, C, H, W], got shape {tuple(observation.shape)}: add the batch axis"
        )
    return as_float(torch.stack(observation.unbind(1), dim=3).permute(0, 3, 1, 2))


def fuse_conv_bn(network: QNetwork) -> QNetwork:
    """Return ``network`` in evaluation mode with each batch normalisation fused into the convolution before it.

    The copy shares every tensor with ``network`` and refreshes its fused weights after a write, so it is never out
    of date. Never write through ``.data``: torch does not count such writes. The outputs equal evaluation mode
    within float32 rounding. Only pairs that the encoder lists as ``normalised`` are fused; normalisations that
    depend on the input stay.
    """
    shared = _with_fused(network, nn.BatchNorm2d, FusedConv2d)
    shared.pin_mode(training=False)
    return shared


def fuse_conv_bn_train(network: QNetwork) -> QNetwork:
    """Return ``network`` in training mode with each `FixedBatchNorm2d` fused into the convolution before it.

    The copy shares every tensor with ``network``. Outputs and gradients equal the training mode's within rounding,
    and save the normalisation's pass over every pixel. Other normalisations stay.
    """
    shared = _with_fused(network, FixedBatchNorm2d, FusedTrainConv2d)
    shared.pin_mode(training=True)
    return shared


def _with_fused(network: QNetwork, kind: type[Norm], layer: Callable[[nn.Conv2d, Norm], nn.Module]) -> QNetwork:
    """Return a shared-weight copy in which ``layer`` replaces each convolution that a norm of that kind follows."""
    shared = shared_weight_copy(network)
    for convolution_name, norm_name in getattr(shared.encoder, "normalised", {}).items():
        convolution, norm = (shared.encoder.get_submodule(name) for name in (convolution_name, norm_name))
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, kind):
            shared.encoder.set_submodule(convolution_name, layer(convolution, norm))
            shared.encoder.set_submodule(norm_name, nn.Identity())
    return shared


class FusedTrainConv2d(nn.Module):
    """``norm(convolution(x))`` as one convolution, with gradients for the parameters of both."""

    def __init__(self, convolution: nn.Conv2d, norm: FixedBatchNorm2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] of [B, C', H, W]."""
        self.norm.count()
        return self.convolution._conv_forward(x, *fuse_conv_bn_weights(self.convolution, self.norm))  # type: ignore[no-any-return]


class FusedConv2d(nn.Module):
    """``norm(convolution(x))`` in evaluation mode as one convolution, constant to the gradient.

    With s = weight / sqrt(running_var + eps), the kernel is kernel · s and the bias (bias - running_mean) · s + shift.
    On the CPU both are kept until torch counts a write to any of the tensors. On other devices, and in compiled
    or captured forwards, every forward computes them.
    """

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = norm
        self._kept: tuple[Tensor, Tensor] | None = None
        self._writes: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] of [B, C', H, W]."""
        weight, bias = self._parameters_now()
        return self.convolution._conv_forward(x, weight, bias)  # type: ignore[no-any-return]

    @torch.no_grad()
    def _parameters_now(self) -> tuple[Tensor, Tensor]:
        must_recompute = torch.compiler.is_compiling() or is_capturing()
        if must_recompute or self.convolution.weight.device.type != "cpu":
            return fuse_conv_bn_weights(self.convolution, self.norm)
        writes = [(t.data_ptr(), t._version) for t in self._sources() if t is not None]
        if self._kept is None or writes != self._writes:
            self._kept, self._writes = fuse_conv_bn_weights(self.convolution, self.norm), writes
        return self._kept

    def _sources(self) -> tuple[Tensor | None, ...]:
        convolution, norm = self.convolution, self.norm  # listed by hand: parameters() costs as much as fusing
        statistics = (
            norm.running_mean,
            norm.num_batches_tracked,
        )  # the batch counter, since torch's kernels and fused optimisers write the other tensors uncounted
        return convolution.weight, convolution.bias, norm.weight, norm.bias, *statistics


def fuse_conv_bn_weights(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return kernel and bias of one convolution that equals ``convolution`` followed by ``norm`` in evaluation mode."""
    mean, var = running_statistics(norm)
    scale = norm.weight * torch.rsqrt(var + norm.eps)  # [C]
    offset = mean if convolution.bias is None else mean - convolution.bias
    return convolution.weight * scale.view(-1, 1, 1, 1), norm.bias - offset * scale
