"""Normalisation layers whose training forward can be trusted by Q-learning.

Plain BatchNorm normalises by the batch's statistics while it learns and by the running ones
while it acts, so a network bootstraps from another function than the one it trains. The layers
here agree with their own evaluation mode; all of them keep the ``state_dict`` keys of
`torch.nn.BatchNorm2d`.

==========  =====================  ==================================  ==========================
name        layer                  training forward normalises by      gradient flows through
==========  =====================  ==================================  ==========================
``renorm``  `BatchRenorm2d`        running statistics (clipped)        the batch's statistics
``fixed``   `FixedBatchNorm2d`     statistics measured once            nothing but the input
``frozen``  `FrozenBatchNorm2d`    running statistics                  nothing but the input
``batch``   `torch.nn.BatchNorm2d` the batch's statistics              the batch's statistics
``layer``   one group of channels  each sample's own statistics        each sample's statistics
``group``   four groups            each sample's own statistics        each sample's statistics
``none``    identity               nothing                             the input
==========  =====================  ==================================  ==========================
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from rlvision.core.errors import ConfigError
from rlvision.nn.norm_variants import MOMENTUM

GROUPS = 4
"""Groups of channels of the ``group`` normalisation."""


class BatchRenorm2d(nn.BatchNorm2d):
    """Batch Renormalization (Ioffe 2017): trains with the batch's gradients, on the running scale.

    With the moments µ_B, σ_B of the batch and the running moments µ, σ as they were before it::

        r = clip(σ_B / σ, 1 / r_max, r_max)      d = clip((µ_B - µ) / σ, -d_max, d_max)
        y = weight * ((x - µ_B) / σ_B * r + d) + bias

    No gradient flows through r and d. While neither is clipped, y is what the evaluation mode
    would have returned. The evaluation mode and the ``state_dict`` are `torch.nn.BatchNorm2d`'s.
    Statistics are float32 (or wider) whatever the input's precision; nothing waits for the device.

    With ``momentum=None`` a training forward calibrates: plain batch normalisation, while the
    running statistics become the average over all batches since their last reset.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = MOMENTUM,
        *,
        r_max: float = 3.0,
        d_max: float = 5.0,
    ) -> None:
        super().__init__(num_features, eps, momentum)
        self.r_max = r_max
        self.d_max = d_max
        self._last: tuple[Tensor, Tensor, Tensor, Tensor] | None = None  # r and d, free and clipped

    @property
    def clipped(self) -> Tensor:
        """Share of channels of the last training forward whose r or d was clipped, []."""
        if self._last is None:
            return torch.zeros(())
        free_r, r, free_d, d = self._last
        return ((r != free_r) | (d != free_d)).float().mean()

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise [B, C, H, W]."""
        if not _corrects(self):
            return super().forward(input)
        mean, var = batch_moments(input, self)
        r, d = self._correction(mean, var)
        track(self, mean, var, input.numel() // input.shape[1])
        return _Renormalise.apply(input, self.weight, self.bias, mean, var, r, d, self.eps)  # type: ignore[no-any-return,no-untyped-call]

    @torch.no_grad()
    def _correction(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        running_mean, running_var = _snapshot(self)
        scale = torch.rsqrt(running_var + self.eps)  # [C]
        free_r = torch.sqrt(var + self.eps) * scale
        free_d = (mean - running_mean) * scale
        r, d = free_r.clamp(1 / self.r_max, self.r_max), free_d.clamp(-self.d_max, self.d_max)
        self._last = free_r, r, free_d, d
        return r, d

    def extra_repr(self) -> str:
        """The settings, for ``print``."""
        return f"{nn.BatchNorm2d.extra_repr(self)}, r_max={self.r_max}, d_max={self.d_max}"  # type: ignore[no-untyped-call]


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """Normalises by the running statistics even while it trains, as constants to the gradient.

    A training forward still moves the running statistics towards the batch's, after use. The
    evaluation mode and the ``state_dict`` are `torch.nn.BatchNorm2d`'s; with ``momentum=None``
    it calibrates as `BatchRenorm2d` does.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = MOMENTUM) -> None:
        super().__init__(num_features, eps, momentum)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise [B, C, H, W]."""
        if not _corrects(self):
            return super().forward(input)
        mean, var = batch_moments(input, self)
        mean_used, var_used = _snapshot(self)
        track(self, mean, var, input.numel() // input.shape[1])
        return F.batch_norm(input, mean_used, var_used, self.weight, self.bias, False, 0.0, self.eps)


class FixedBatchNorm2d(nn.BatchNorm2d):
    """Normalises by statistics that calibrating measured, and that stay: constants to values and gradient.

    Training and evaluation are one function of the input, exactly, and the gradient is that function's own. The
    ``state_dict`` is `torch.nn.BatchNorm2d`'s, whose count goes on with every training forward. Until it is
    calibrated (as `BatchRenorm2d` is) its mean is 0 and its variance 1.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise [B, C, H, W]."""
        if not _corrects(self):
            return super().forward(input)
        self.count()
        mean, var = running_statistics(self)
        return F.batch_norm(input, mean, var, self.weight, self.bias, False, 0.0, self.eps)

    def count(self) -> None:
        """One training forward more: by this count others notice that the parameters are about to move."""
        cast(Tensor, self.num_batches_tracked).add_(1)


class _Renormalise(torch.autograd.Function):
    """The affine part of `BatchRenorm2d` in one pass, differentiated through the batch's moments.

    ``y = x̂ · (weight · r) + (weight · d + bias)`` has BatchNorm's own backward pass with the
    scale ``weight · r``: torch's kernel returns Σ g·x̂ and Σ g beside the input's gradient, and
    ∂y/∂weight = x̂·r + d needs nothing else.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
        r: Tensor,
        d: Tensor,
        eps: float,
    ) -> Tensor:
        scale = weight * r  # [C]
        ctx.save_for_backward(x, scale, mean, torch.rsqrt(var + eps), r, d)
        ctx.eps = eps
        return F.batch_norm(x, mean, var, scale, weight * d + bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, mean, inverse_std, r, d = ctx.saved_tensors
        grad_x, grad_xhat, grad_sum = torch.ops.aten.native_batch_norm_backward(
            grad, x, scale, None, None, mean, inverse_std, True, ctx.eps, [True, True, True]
        )
        return grad_x, grad_xhat * r + grad_sum * d, grad_sum, None, None, None, None, None


@torch.no_grad()
def batch_moments(x: Tensor, layer: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over all but the channels of [B, C, H, W], each [C], as wide as the layer's.

    Raises:
        ConfigError: A channel has a single value, whose variance means nothing.
    """
    layer._check_input_dim(x)
    if x.numel() == x.shape[1]:
        raise ConfigError(f"expected several values per channel to train on, got {tuple(x.shape)}; use a larger batch")
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        scratch = torch.zeros_like(
            running_statistics(layer)[0]
        )  # without it the moments come out in the input's precision
        return torch.batch_norm_update_stats(x, scratch, scratch.clone(), 1.0)
    var, mean = torch.var_mean(x.to(running_statistics(layer)[0].dtype), dim=(0, 2, 3), correction=0)
    return mean, var


@torch.no_grad()
def track(layer: nn.BatchNorm2d, mean: Tensor, var: Tensor, count: int) -> None:
    """Move the running statistics towards a batch's moments, made from ``count`` values a channel."""
    if layer.momentum is None or layer.num_batches_tracked is None:
        raise ConfigError("expected a layer with a momentum and running statistics, got one without")
    running_mean, running_var = running_statistics(layer)
    layer.num_batches_tracked.add_(1)
    running_mean.lerp_(mean, layer.momentum)
    running_var.lerp_(var * (count / (count - 1)), layer.momentum)  # torch keeps the unbiased variance


def running_statistics(layer: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The running mean and variance of ``layer``, themselves, each [C].

    Raises:
        ConfigError: The layer keeps none.
    """
    if layer.running_mean is None or layer.running_var is None:
        raise ConfigError("expected a layer with running statistics, got one without; leave track_running_stats on")
    return layer.running_mean, layer.running_var


def _corrects(layer: nn.BatchNorm2d) -> bool:
    """Whether a forward is an ordinary training one: not evaluation, calibration or `batch_statistics`."""
    return layer.training and layer.track_running_stats and layer.momentum is not None


@torch.library.custom_op("rlvision::snapshot", mutates_args=())
def _opaque_clone(x: Tensor) -> Tensor:
    """A copy that torch.compile keeps for the backward pass.

    An ordinary clone it may take again there, after the update of the running statistics: silently
    wrong gradients (pytorch/pytorch pull request 197039; seen with torch 2.13).
    """
    return x.clone()


@_opaque_clone.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


def _snapshot(layer: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The running statistics as they are before `track` writes to them."""
    mean, var = running_statistics(layer)
    return (_opaque_clone(mean), _opaque_clone(var)) if torch.compiler.is_compiling() else (mean.clone(), var.clone())


def _grouped(groups: int, channels: int) -> nn.GroupNorm:
    if channels % groups:
        raise ConfigError(
            f"expected channels divisible by {groups} groups, got {channels}; choose another norm or width"
        )
    return nn.GroupNorm(groups, channels)


NORMS: Mapping[str, Callable[[int, float], nn.Module]] = {
    "batch": lambda channels, momentum: nn.BatchNorm2d(channels, momentum=momentum),
    "renorm": lambda channels, momentum: BatchRenorm2d(channels, momentum=momentum),
    "fixed": lambda channels, momentum: FixedBatchNorm2d(channels),
    "frozen": lambda channels, momentum: FrozenBatchNorm2d(channels, momentum=momentum),
    "layer": lambda channels, momentum: _grouped(1, channels),
    "group": lambda channels, momentum: _grouped(GROUPS, channels),
    "none": lambda channels, momentum: nn.Identity(),
}


def normalisation(norm: str, channels: int, momentum: float = MOMENTUM) -> nn.Module:
    """The layer called ``norm`` for [B, ``channels``, H, W].

    Raises:
        ConfigError: There is no such normalisation, or it does not fit the channels.
    """
    if norm not in NORMS:
        raise ConfigError(f"expected a norm out of {', '.join(NORMS)}, got {norm!r}; choose one of these")
    return NORMS[norm](channels, momentum)
