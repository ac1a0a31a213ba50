"""Where in the picture a Q-value comes from."""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlvision.core.errors import ConfigError
from rlvision.core.types import FloatArray, UInt8Array
from rlvision.nn.qnetwork import QNetwork, sharing_copy

STRIDE = 5
"""Pixels between the places that are blurred (Greydanus et al. 2018)."""
REACH = 5.0
"""Standard deviation of the part that is blurred, in pixels (theirs)."""
BLUR = 3.0
"""Standard deviation of the blur, in pixels (theirs)."""
BATCH = 16
"""Blurred observations in one forward, at most: as many as stay in a processor's cache."""
ROUNDING = 1e-4
"""Changes smaller than this part of a Q-value are those of float32, and stay dark."""


def gradient_saliency(network: QNetwork, observation: UInt8Array, action: int) -> FloatArray:
    """How much the Q-value of an action changes with each pixel.

    ``S_ij = max_c |∂Q(s, a) / ∂s_cij|``, divided by its greatest value: in [0, 1], all 0 where no pixel matters.
    "Deep Inside Convolutional Networks" (Simonyan, Vedaldi, Zisserman 2014), section 3.1; channels are the stack's.

    Args:
        network: only looked at, whatever its mode: no buffer, mode or gradient of it changes.
        observation: [1, C, H, W] uint8.
        action: whose Q-value, from 0 to A - 1.

    Returns:
        [H, W].

    Raises:
        ConfigError: the observation is of another shape or type, or there is no such action.
    """
    seen = evaluating_copy(network)
    pixels = to_tensor(observation, seen).requires_grad_()
    with torch.enable_grad():
        value = _q_value(seen, pixels, action).sum()
        (gradient,) = torch.autograd.grad(value, pixels)
    return _scaled(gradient[0].abs().amax(dim=0))


def occlusion_saliency(
    network: QNetwork, observation: UInt8Array, action: int, *, stride: int = STRIDE, batch: int = BATCH
) -> FloatArray:
    """How much the Q-value of an action changes when a part of the picture is blurred away.

    ``S(k) = |Q(s, a) - Q(s ⊙ (1 - M_k) + blur(s) ⊙ M_k, a)|`` for a Gaussian mask M_k around each place k of a grid,
    interpolated between the places and divided by its greatest value: in [0, 1], all 0 where nothing matters.
    "Visualizing and Understanding Atari Agents" (Greydanus et al. 2018), equations 1 and 2, of one Q-value, without
    the square. Blurring takes away what is there and draws no edges that the network has never seen, as a gray
    square (Zeiler, Fergus 2014) would.

    Args:
        network: only looked at, whatever its mode: no buffer, mode or gradient of it changes.
        observation: [1, C, H, W] uint8.
        action: whose Q-value, from 0 to A - 1.
        stride: pixels from one place to the next.
        batch: places in one forward.

    Returns:
        [H, W].

    Raises:
        ConfigError: the observation is of another shape or type, there is no such action, or stride or batch are
            below 1.
    """
    if stride < 1 or batch < 1:
        raise ConfigError(f"expected a stride and a batch of at least 1, got {stride} and {batch}: {STRIDE} is usual")
    seen = evaluating_copy(network)
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
    """Q(s, a) [B] of pixels [B, C, H, W]."""
    q_values: Tensor = network(pixels).q_values  # [B, A]
    if not 0 <= action < q_values.shape[1]:
        raise ConfigError(f"expected an action from 0 to {q_values.shape[1] - 1}, got {action}: choose one of these")
    return q_values[:, action]


def _places(side: int, stride: int) -> Tensor:
    """Evenly spaced places from the first pixel to the last, at most ``stride`` apart."""
    return torch.linspace(0, side - 1, max(2, -(-(side - 1) // stride) + 1) if side > 1 else 1)


def _masks(rows: Tensor, columns: Tensor, pixels: Tensor) -> Tensor:
    """Gaussian hills [places, 1, H, W] of height 1, one around each (row, column)."""
    height, width = pixels.shape[2:]
    down = _hill(torch.arange(height, device=pixels.device) - rows[:, None], REACH)  # [rows, H]
    across = _hill(torch.arange(width, device=pixels.device) - columns[:, None], REACH)  # [columns, W]
    return torch.einsum("rh,cw->rchw", down, across).flatten(0, 1)[:, None]


def _blurred(pixels: Tensor, deviation: float) -> Tensor:
    """Every channel of [B, C, H, W] under a Gaussian; beyond the border, the border goes on."""
    reach = int(3 * deviation)
    hill = _hill(torch.arange(-reach, reach + 1, device=pixels.device), deviation)
    kernel = (hill / hill.sum()).view(1, 1, 1, -1)
    channels = pixels.shape[1]
    wide = F.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(wide, kernel.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, kernel.mT.expand(channels, 1, -1, 1), groups=channels)


def _hill(distance: Tensor, deviation: float) -> Tensor:
    return torch.exp(-(distance.float() ** 2) / (2 * deviation**2))


def _scaled(saliency: Tensor, least: float = torch.finfo(torch.float32).tiny) -> FloatArray:
    """Divided by the greatest value, or by ``least``, so that zeros stay zeros."""
    greatest = saliency.max().clamp_min(least)
    return cast(FloatArray, (saliency / greatest).cpu().numpy())


def evaluating_copy(network: QNetwork) -> QNetwork:
    """The network in evaluation mode over the same tensors, to hang hooks on.

    Evaluation writes to no buffer, so the network itself stays as it is whatever is done with the copy.
    """
    copy = sharing_copy(network)
    copy.pin_mode(training=False)
    return copy


def to_tensor(observation: UInt8Array, network: QNetwork) -> Tensor:
    """Pixels in [0, 1], [1, C, H, W] float32 of one observation [1, C, H, W] uint8, where the network is.

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
