"""The pixels of a frame that reach the output of a network's convolutions and poolings."""

from collections.abc import Sequence
from functools import reduce

from rlvision.nn.encoder_base import Window, smallest_frame


def seen_pixels(size: int, windows: Sequence[Window]) -> int:
    """Return how many of ``size`` pixels, counted from the first, have a path to the output of ``windows``.

    ::

        three windows of 5, stride 2     84 -> 40 -> 18 -> 7     positions, forwards
                                         77 <- 37 <- 17 <- 7     pixels that they lie on, backwards

    The windows overlap or touch (stride <= kernel), and fit into ``size``.
    """
    if not windows:
        return size
    first, *others = windows
    outputs = seen_pixels(first.outputs(size), others)
    return min(size, (outputs - 1) * first.stride + first.kernel - first.padding)


def whole_sizes(size: int, windows: Sequence[Window]) -> tuple[int, int]:
    """Return the nearest sizes, at most and above ``size``, of which unpadded ``windows`` see every pixel.

    Args:
        size: height or width of a frame, into which the windows fit.
        windows: the convolutions and poolings, in order.
    """
    outputs = reduce(lambda length, window: window.outputs(length), windows, size)
    return smallest_frame(windows, outputs), smallest_frame(windows, outputs + 1)
