"""A line through a noisy curve, with a trustworthy interval of its slope."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STRETCHES = 10
T_975 = 2.306
"""The 97.5 % quantile of Student's t with STRETCHES - 2 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Slope:
    """The growth of y per x, with 95 % bounds."""

    per_x: float
    low: float
    high: float
    at_zero: float  # where the line meets x = 0


def slope(x: Sequence[float], y: Sequence[float]) -> Slope:
    """Fit a line through the medians of ten consecutive stretches of the samples.

    Memory moves in lasting steps, so neighbouring samples are dependent, and a line through all samples would have far
    too narrow bounds. The medians of stretches are nearly independent, and t with eight degrees of freedom accounts
    for their small number. A temporary use of memory, such as for a video, does not move the medians.

    Args:
        x: at least ten numbers that never fall, such as games played.
        y: as many numbers, such as bytes.
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
