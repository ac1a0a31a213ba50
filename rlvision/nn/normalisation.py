"""Normalisation layers that compute the same function in training and in evaluation mode.

Plain BatchNorm normalises by the batch's statistics while it trains and by running statistics
while it acts. A Q-network then bootstraps from another function than the one it trains. The
layers of this module agree with their own evaluation mode and keep the ``state_dict`` keys of
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
"""Number of channel groups of the ``group`` normalisation."""


class BatchRenorm2d(nn.BatchNorm2d):
    """Batch Renormalization (Ioffe 2017): gradients of the batch's statistics, output on the running scale.

    With the moments µ_B, σ_B of the batch, and the running moments µ, σ before their update by it::

        r = clip(σ_B / σ, 1 / r_max, r_max)      d = clip((µ_B - µ) / σ, -d_max, d_max)
        y = weight * ((x - µ_B) / σ_B * r + d) + bias

    No gradient flows through r and d. While neither is clipped, y equals the output of the evaluation
    mode. The evaluation mode and the ``state_dict`` are `torch.nn.BatchNorm2d`'s. Statistics are
    float32 (or wider) for every precision of the input; nothing waits for the device.

    With ``momentum=None`` a training forward calibrates: it normalises by the batch, and the
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
        """Normalise a batch [B, C, H, W]."""
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
        """Return the settings, for ``print``."""
        return f"{nn.BatchNorm2d.extra_repr(self)}, r_max={self.r_max}, d_max={self.d_max}"  # type: ignore[no-untyped-call]


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm by the running statistics in training mode too, as constants to the gradient.

    A training forward uses the running statistics, then moves them towards the batch's. The
    evaluation mode and the ``state_dict`` are `torch.nn.BatchNorm2d`'s; with ``momentum=None``
    it calibrates as `BatchRenorm2d` does.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = MOMENTUM) -> None:
        super().__init__(num_features, eps, momentum)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise a batch [B, C, H, W]."""
        if not _corrects(self):
            return super().forward(input)
        mean, var = batch_moments(input, self)
        mean_used, var_used = _snapshot(self)
        track(self, mean, var, input.numel() // input.shape[1])
        return F.batch_norm(input, mean_used, var_used, self.weight, self.bias, False, 0.0, self.eps)


class FixedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm by statistics that calibration measured and training never changes.

    Training and evaluation compute exactly one function, and the gradient is that function's. The ``state_dict`` is
    `torch.nn.BatchNorm2d`'s; its counter grows with every training forward. Before calibration (see `BatchRenorm2d`)
    the mean is 0 and the variance 1.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise a batch [B, C, H, W]."""
        if not _corrects(self):
            return super().forward(input)
        self.count()
        mean, var = running_statistics(self)
        return F.batch_norm(input, mean, var, self.weight, self.bias, False, 0.0, self.eps)

    def count(self) -> None:
        """Count one training forward; `rlvision.nn.fusion` recomputes its fused weights when the count changes."""
        cast(Tensor, self.num_batches_tracked).add_(1)


class _Renormalise(torch.autograd.Function):
    """The affine part of `BatchRenorm2d` in one pass, differentiated through the batch's moments.

    ``y = x̂ · (weight · r) + (weight · d + bias)`` has BatchNorm's own backward pass with the
    scale ``weight · r``. Torch's kernel returns the input's gradient, Σ g·x̂ and Σ g; the
    gradient of the weight, ∂y/∂weight = x̂·r + d, needs nothing else.
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
    """Return mean and biased variance of each channel of [B, C, H, W], both [C] in the precision of the layer.

    Raises:
        ConfigError: A channel has a single value, which has no variance.
    """
    layer._check_input_dim(x)
    if x.numel() == x.shape[1]:
        raise ConfigError(f"expected several values per channel to train on, got {tuple(x.shape)}; use a larger batch")
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        scratch = torch.zeros_like(
            running_statistics(layer)[0]
        )  # without it torch returns the moments in the input's precision
        return torch.batch_norm_update_stats(x, scratch, scratch.clone(), 1.0)
    var, mean = torch.var_mean(x.to(running_statistics(layer)[0].dtype), dim=(0, 2, 3), correction=0)
    return mean, var


@torch.no_grad()
def track(layer: nn.BatchNorm2d, mean: Tensor, var: Tensor, count: int) -> None:
    """Move the running statistics towards a batch's moments, each measured on ``count`` values."""
    if layer.momentum is None or layer.num_batches_tracked is None:
        raise ConfigError("expected a layer with a momentum and running statistics, got one without: set both")
    running_mean, running_var = running_statistics(layer)
    layer.num_batches_tracked.add_(1)
    running_mean.lerp_(mean, layer.momentum)
    running_var.lerp_(var * (count / (count - 1)), layer.momentum)  # torch keeps the unbiased variance


def running_statistics(layer: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return the running mean and variance of ``layer``, each [C], not copied.

    Raises:
        ConfigError: The layer keeps no running statistics.
    """
    if layer.running_mean is None or layer.running_var is None:
        raise ConfigError("expected a layer with running statistics, got one without; leave track_running_stats on")
    return layer.running_mean, layer.running_var


def _corrects(layer: nn.BatchNorm2d) -> bool:
    """Return whether a forward is an ordinary training one: not evaluation, calibration or `batch_statistics`."""
    return layer.training and layer.track_running_stats and layer.momentum is not None


@torch.library.custom_op("rlvision::snapshot", mutates_args=())
def _opaque_clone(x: Tensor) -> Tensor:
    """Copy a tensor so that torch.compile keeps the copy for the backward pass.

    torch.compile may repeat an ordinary clone there, after the update of the running statistics: silently
    wrong gradients (pytorch/pytorch pull request 197039; seen with torch 2.13).
    """
    return x.clone()


@_opaque_clone.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


def _snapshot(layer: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Copy the running statistics before `track` writes to them."""
    mean, var = running_statistics(layer)
    return (_opaque_clone(mean), _opaque_clone(var)) if torch.compiler.is_compiling() else (mean.clone(), var.clone())


def _grouped(groups: int, channels: int) -> nn.GroupNorm:
    if channels % groups:
        raise ConfigError(
            f"expected channels divisible by {groups} groups, got {channels}: choose another norm or width"
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
    """Return the layer called ``norm`` for inputs [B, ``channels``, H, W].

    Raises:
        ConfigError: There is no such normalisation, or it does not fit the channels.
    """
    if norm not in NORMS:
        raise ConfigError(f"expected a norm out of {', '.join(NORMS)}, got {norm!r}; choose one of these")
    return NORMS[norm](channels, momentum)
