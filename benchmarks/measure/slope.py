"""Does something grow? A line through a noisy curve, with an interval that can be believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STRETCHES = 10
T_975 = 2.306
"""Of Student's t with STRETCHES - 2 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How much y grows with x, and 95 % bounds."""

    per_x: float
    low: float
    high: float
    at_zero: float  # where the line meets x = 0


def slope(x: Sequence[float], y: Sequence[float]) -> Slope:
    """The line through the medians of ten consecutive stretches of the samples.

    Memory moves in steps, each of which stays: neighbouring samples tell the same, and a line through all of them
    would be far too sure of itself. The medians of stretches are few and nearly independent, and t with eight degrees
    of freedom knows how few they are. What comes and goes, such as a video in the making, moves no median.

    Args:
        x: such as games played, never falling, at least ten.
        y: such as bytes, as many.
    """
    level_x, level_y = _levels(x), _levels(y)
    centred = level_x - level_x.mean()
    per_x = float(centred @ level_y / (centred @ centred))
    at_zero = float(level_y.mean() - per_x * level_x.mean())
    residual = level_y - at_zero - per_x * level_x
    error = float(np.sqrt(residual @ residual / (STRETCHES - 2) / (centred @ centred)))
    return Slope(per_x, per_x - T_975 * error, per_x + T_975 * error, at_zero)


def _levels(values: Sequence[float]) -> npt.NDArray[np.float64]:
    return np.array([np.median(stretch) for stretch in np.array_split(np.asarray(values, dtype=np.float64), STRETCHES)])
