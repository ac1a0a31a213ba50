"""Saliency maps, which show how much each pixel of an observation matters to a Q-value."""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlvision.core.errors import ConfigError
from rlvision.core.types import FloatArray, UInt8Array
from rlvision.nn.qnetwork import QNetwork, shared_weight_copy

STRIDE = 5
"""Pixels between the centres of the blurred parts (Greydanus et al. 2018)."""
REACH = 5.0
"""Standard deviation of a blurred part, in pixels (as in the paper)."""
BLUR = 3.0
"""Standard deviation of the blur, in pixels (as in the paper)."""
BATCH = 16
"""Largest number of blurred observations in one forward: as many as fit into a processor's cache."""
ROUNDING = 1e-4
"""Changes smaller than this fraction of a Q-value are rounding errors of float32, and count as 0."""


def gradient_saliency(network: QNetwork, observation: UInt8Array, action: int) -> FloatArray:
    """Return the gradient of an action's Q-value with respect to each pixel, as a map.

    ``S_ij = max_c |∂Q(s, a) / ∂s_cij|``, divided by its greatest value: in [0, 1], all 0 if no pixel matters.
    "Deep Inside Convolutional Networks" (Simonyan, Vedaldi, Zisserman 2014), section 3.1; channels are the stack's.

    Args:
        network: in any mode; none of its buffers, modes or gradients changes.
        observation: [1, C, H, W] uint8.
        action: from 0 to A - 1.

    Returns:
        [H, W].

    Raises:
        ConfigError: the observation has another shape or type, or there is no such action.
    """
    seen = eval_mode_copy(network)
    pixels = to_tensor(observation, seen).requires_grad_()
    with torch.enable_grad():
        value = _q_value(seen, pixels, action).sum()
        (gradient,) = torch.autograd.grad(value, pixels)
    return _scaled(gradient[0].abs().amax(dim=0))


def occlusion_saliency(
    network: QNetwork, observation: UInt8Array, action: int, *, stride: int = STRIDE, batch: int = BATCH
) -> FloatArray:
    """Return how much an action's Q-value changes when each part of the picture is blurred, as a map.

    ``S(k) = |Q(s, a) - Q(s ⊙ (1 - M_k) + blur(s) ⊙ M_k, a)|`` for a Gaussian mask M_k around each place k of a grid,
    interpolated between the places and divided by its greatest value: in [0, 1], all 0 if nothing matters.
    "Visualizing and Understanding Atari Agents" (Greydanus et al. 2018), equations 1 and 2, for one Q-value, without
    the square. A blur removes an object without adding edges that the network has never seen, as a gray square
    (Zeiler, Fergus 2014) would.

    Args:
        network: in any mode; none of its buffers, modes or gradients changes.
        observation: [1, C, H, W] uint8.
        action: from 0 to A - 1.
        stride: pixels from one place to the next.
        batch: places in one forward.

    Returns:
        [H, W].

    Raises:
        ConfigError: the observation has another shape or type, there is no such action, or stride or batch are
            below 1.
    """
    if stride < 1 or batch < 1:
        raise ConfigError(f"expected a stride and a batch of at least 1, got {stride} and {batch}: {STRIDE} is usual")
    seen = eval_mode_copy(network)
    with torch.no_grad():
        pixels = to_tensor(observation, seen)
        rows, columns = (_places(side, stride).to(pixels.device) for side in pixels.shape[2:])
        away = _blurred(pixels, BLUR) - pixels  # [1, C, H, W]
        masks = torch.split(_masks(rows, columns, pixels), batch)  # [batch, 1, H, W] each
        without = torch.cat([_q_value(seen, pixels + away * mask, action) for mask in masks])  # [places]
        value = _q_value(seen, pixels, action)
        grid = (without - value).abs().view(1, 1, len(rows), len(columns))
        saliency = F.interpolate(grid, pixels.shape[2:], mode="bilinear", align_corners=True)[0, 0]
    return _scaled(saliency, ROUNDING * (1 + abs(float(value))))


def _q_value(network: QNetwork, pixels: Tensor, action: int) -> Tensor:
    """Return Q(s, a) [B] of pixels [B, C, H, W]."""
    q_values: Tensor = network(pixels).q_values  # [B, A]
    if not 0 <= action < q_values.shape[1]:
        raise ConfigError(f"expected an action from 0 to {q_values.shape[1] - 1}, got {action}: choose one of these")
    return q_values[:, action]


def _places(side: int, stride: int) -> Tensor:
    """Return evenly spaced places from the first pixel to the last, at most ``stride`` apart."""
    return torch.linspace(0, side - 1, max(2, -(-(side - 1) // stride) + 1) if side > 1 else 1)


def _masks(rows: Tensor, columns: Tensor, pixels: Tensor) -> Tensor:
    """Return Gaussian masks [places, 1, H, W] of height 1, one around each (row, column)."""
    height, width = pixels.shape[2:]
    down = _gaussian(torch.arange(height, device=pixels.device) - rows[:, None], REACH)  # [rows, H]
    across = _gaussian(torch.arange(width, device=pixels.device) - columns[:, None], REACH)  # [columns, W]
    return torch.einsum("rh,cw->rchw", down, across).flatten(0, 1)[:, None]


def _blurred(pixels: Tensor, deviation: float) -> Tensor:
    """Blur each channel of [B, C, H, W] with a Gaussian; the border is replicated."""
    reach = int(3 * deviation)
    kernel_row = _gaussian(torch.arange(-reach, reach + 1, device=pixels.device), deviation)
    kernel = (kernel_row / kernel_row.sum()).view(1, 1, 1, -1)
    channels = pixels.shape[1]
    wide = F.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(wide, kernel.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, kernel.mT.expand(channels, 1, -1, 1), groups=channels)


def _gaussian(distance: Tensor, deviation: float) -> Tensor:
    return torch.exp(-(distance.float() ** 2) / (2 * deviation**2))


def _scaled(saliency: Tensor, least: float = torch.finfo(torch.float32).tiny) -> FloatArray:
    """Divide by the greatest value, or by ``least`` if that is greater; zeros stay zeros."""
    greatest = saliency.max().clamp_min(least)
    return cast(FloatArray, (saliency / greatest).cpu().numpy())


def eval_mode_copy(network: QNetwork) -> QNetwork:
    """Return a copy in evaluation mode that shares the network's tensors, to add hooks to.

    Evaluation writes to no buffer, so using the copy does not change the network.
    """
    copy = shared_weight_copy(network)
    copy.pin_mode(training=False)
    return copy


def to_tensor(observation: UInt8Array, network: QNetwork) -> Tensor:
    """Convert one observation [1, C, H, W] uint8 to float32 in [0, 1], on the network's device.

    Raises:
        ConfigError: the observation is of another shape or type.
    """
    if observation.ndim != 4 or len(observation) != 1 or observation.dtype != np.uint8:
        raise ConfigError(
            f"expected one observation [1, C, H, W] uint8, got {list(observation.shape)} {observation.dtype}: "
            "choose one with observation[i : i + 1]"
        )
    device = next(network.parameters()).device
    return torch.tensor(observation, device=device).float().div_(255)
