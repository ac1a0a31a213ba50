"""Bool planes as one picture: each plane has a colour of its own, and a gray of its own where colours are dropped.

MinAtar's games are such planes, and so are boards: [H, W, n], one plane for each kind of object.
"""

from __future__ import annotations

import colorsys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rlvision.core.types import UInt8Array

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in gray (ITU-R BT.601)."""


def plane_axis(shape: tuple[int, ...]) -> int:
    """Return the axis of the planes, 0 or 2: the one beside two equal sides, else the shorter, else the last."""
    if len(shape) != 3:
        return len(shape) - 1
    if shape[0] == shape[1]:
        return 2
    if shape[1] == shape[2]:
        return 0
    return 0 if shape[0] < shape[2] else 2


def compose_planes(planes: np.ndarray[Any, np.dtype[np.bool_]]) -> UInt8Array:
    """Return a picture [H, W, 3] of planes [H, W, n]; where several are set, the last of them is seen.

    ::

        planes   0  1  2        picture
                 x  .  .        dark red
                 .  .  x        bright blue
                 x  x  .        the colour of plane 1
    """
    last = planes.shape[2] - np.argmax(planes[:, :, ::-1], axis=2)  # 1 to n
    return palette(planes.shape[2])[np.where(planes.any(axis=2), last, 0)]


@cache
def palette(count: int) -> UInt8Array:
    """Return black and ``count`` colours, [count + 1, 3]: equal steps of gray, and hues around the circle."""
    colors = [np.zeros(3), *(_color(place / count, 255 * (place + 1) / count) for place in range(count))]
    return np.rint(colors).astype(np.uint8)


def _color(hue: float, gray: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the colour of a hue whose luma is ``gray``: the pure hue, darkened or mixed with white."""
    pure = 255 * np.array(colorsys.hsv_to_rgb(hue, 1.0, 1.0))
    luma = float(pure @ LUMA)
    if gray <= luma:
        return np.asarray(pure * (gray / luma))
    return np.asarray(pure + (255 - pure) * ((gray - luma) / (255 - luma)))
