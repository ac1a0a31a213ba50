"""Sizes of feature maps: what sliding windows leave of a frame, and the smallest frame they fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from rlvision.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Window:
    """A convolution or a pooling along one dimension."""

    kernel: int
    stride: int = 1
    padding: int = 0

    def outputs(self, size: int) -> int:
        """Positions of the window along ``size`` pixels; below 1 where it does not fit."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1

    def needs(self, outputs: int) -> int:
        """The fewest pixels that give ``outputs`` positions."""
        return max(1, (outputs - 1) * self.stride + self.kernel - 2 * self.padding)


def smallest_frame(windows: Sequence[Window]) -> int:
    """The fewest pixels of height or width that survive all ``windows``, first to last."""
    return reduce(lambda size, window: window.needs(size), reversed(windows), 1)


def feature_map(height: int, width: int, windows: Sequence[Window]) -> tuple[int, int]:
    """Height and width of what ``windows`` leave of a frame.

    Raises:
        ConfigError: The frame is too small; the message names the minimum.
    """
    smallest = smallest_frame(windows)
    if min(height, width) < smallest:
        raise ConfigError(
            f"expected frames of at least {smallest}x{smallest} for this encoder, got {height}x{width}: "
            "resize to larger frames or choose another encoder"
        )
    rows, columns = (reduce(lambda size, window: window.outputs(size), windows, size) for size in (height, width))
    return rows, columns
