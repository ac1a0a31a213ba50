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
    """The line through the means of ten consecutive stretches of the samples.

    Memory moves in steps, each of which stays: neighbouring samples tell the same, and a line through all of them
    would be far too sure of itself. The means of stretches are few and nearly independent, and t with eight degrees
    of freedom knows how few they are.

    Args:
        x: such as games played, never falling, at least ten.
        y: such as bytes, as many.
    """
    means_x, means_y = _means(x), _means(y)
    centred = means_x - means_x.mean()
    per_x = float(centred @ means_y / (centred @ centred))
    at_zero = float(means_y.mean() - per_x * means_x.mean())
    residual = means_y - at_zero - per_x * means_x
    error = float(np.sqrt(residual @ residual / (STRETCHES - 2) / (centred @ centred)))
    return Slope(per_x, per_x - T_975 * error, per_x + T_975 * error, at_zero)


def _means(values: Sequence[float]) -> npt.NDArray[np.float64]:
    return np.array([stretch.mean() for stretch in np.array_split(np.asarray(values, dtype=np.float64), STRETCHES)])
