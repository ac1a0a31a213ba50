"""The same numbers sooner: what is applied once, where the learner and the policy are built.

``benchmarks/network.py`` measured DN at 4x84x84, batch 32, on one AVX2 core, in milliseconds of
processor time (the smallest of many, beside busy neighbours)::

    training step, as built                               39.0
    training step, network in channels_last               31.3
    training step, `to_channels_last_float` observations  29.9    and without any normalisation 25.8
    target(s') and actor(s'), as built                    19.5
    target(s') and actor(s'), network in channels_last    19.3
    target(s') and actor(s'), fused, converted once       16.9

The convolutions alone take some 23 of the 30: they run at 60 to 75 of the 88 Gflop/s a matrix product
reaches there. Space-to-depth, im2col with a matrix product, sub-pixel backward passes, one first
convolution for both networks, and torch.compile were all measured and are all slower or equal.
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
    """Lay the weights out as convolutions like them best: pixels outside, channels inside.

    In place and before `rlvision.nn.target_network.OnlineTargetActor`, whose views share these tensors.
    """
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def to_channels_last_float(observation: Tensor) -> Tensor:
    """The pixels in channels_last that a network would make of [B, C, H, W] uint8 inside.

    Worth making once where several networks see the same observations. Interleaving bytes plane by
    plane is a third faster than torch's conversion, and later copies of four times the size are saved.
    """
    if observation.ndim != 4:
        raise ConfigError(
            f"expected observations [B, C, H, W], got shape {tuple(observation.shape)}; add the batch axis"
        )
    return as_float(torch.stack(observation.unbind(1), dim=3).permute(0, 3, 1, 2))


def fuse_conv_bn(network: QNetwork) -> QNetwork:
    """``network`` in evaluation mode, each batch normalisation folded into the convolution before it.

    It shares every tensor with ``network`` and notices when one was written to, so it is never out
    of date (writes through ``.data`` go unnoticed; do not make them). Equal to evaluation mode
    within float32 rounding; normalisations that depend on the input stay. Only what the encoder
    lists as ``normalised`` is folded.
    """
    shared = _with_fused(network, nn.BatchNorm2d, FusedConv2d)
    shared.pin_mode(training=False)
    return shared


def fuse_conv_bn_train(network: QNetwork) -> QNetwork:
    """``network`` in training mode, each `FixedBatchNorm2d` folded into the convolution before it, gradients and all.

    It shares every tensor with ``network``. Equal to its training forward and backward pass within rounding, without
    a pass of their own over every pixel; other normalisations stay.
    """
    shared = _with_fused(network, FixedBatchNorm2d, FusedTrainConv2d)
    shared.pin_mode(training=True)
    return shared


def _with_fused(network: QNetwork, kind: type[Norm], layer: Callable[[nn.Conv2d, Norm], nn.Module]) -> QNetwork:
    """A sharing copy in which ``layer`` stands for each convolution and the normalisation of that kind after it."""
    shared = shared_weight_copy(network)
    for convolution_name, norm_name in getattr(shared.encoder, "normalised", {}).items():
        convolution, norm = (shared.encoder.get_submodule(name) for name in (convolution_name, norm_name))
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, kind):
            shared.encoder.set_submodule(convolution_name, layer(convolution, norm))
            shared.encoder.set_submodule(norm_name, nn.Identity())
    return shared


class FusedTrainConv2d(nn.Module):
    """``norm(convolution(x))`` as one convolution whose gradient reaches the parameters of both."""

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

    With s = weight / sqrt(running_var + eps): kernel · s, and (bias - running_mean) · s + shift. On
    the CPU the product is kept until torch counts a write to any of the tensors; elsewhere, and
    where the forward is compiled or captured, it is part of every forward.
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
        anew = torch.compiler.is_compiling() or is_capturing()
        if anew or self.convolution.weight.device.type != "cpu":
            return fuse_conv_bn_weights(self.convolution, self.norm)
        writes = [(t.data_ptr(), t._version) for t in self._sources() if t is not None]
        if self._kept is None or writes != self._writes:
            self._kept, self._writes = fuse_conv_bn_weights(self.convolution, self.norm), writes
        return self._kept

    def _sources(self) -> tuple[Tensor | None, ...]:
        convolution, norm = self.convolution, self.norm  # one by one: walking parameters() costs as much as folding
        statistics = (
            norm.running_mean,
            norm.num_batches_tracked,
        )  # the count: torch's kernels write the others, and fused optimisers the parameters, uncounted
        return convolution.weight, convolution.bias, norm.weight, norm.bias, *statistics


def fuse_conv_bn_weights(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias of the one convolution that does what ``convolution`` and ``norm`` (evaluating) do."""
    mean, var = running_statistics(norm)
    scale = norm.weight * torch.rsqrt(var + norm.eps)  # [C]
    offset = mean if convolution.bias is None else mean - convolution.bias
    return convolution.weight * scale.view(-1, 1, 1, 1), norm.bias - offset * scale
