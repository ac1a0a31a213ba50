"""A world that cannot be repeated."""

import os
from typing import Any

import numpy as np

from rlvision.envs.counting_env import CountingEnv, Picture


class Drifting(CountingEnv):
    """A world that does not repeat itself: one pixel is random."""

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        picture, *rest = super().step(action)
        picture[-1, -1] = np.frombuffer(os.urandom(3), dtype=np.uint8)
        return picture, *rest
