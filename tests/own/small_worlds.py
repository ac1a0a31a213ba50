"""Worlds that cannot be repeated, or that look at the process that they are in."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from rlvision.envs.counting_env import CountingEnv, Picture


class Drifting(CountingEnv):
    """A world that does not repeat itself: one pixel is random."""

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        picture, *rest = super().step(action)
        picture[-1, -1] = np.frombuffer(os.urandom(3), dtype=np.uint8)
        return picture, *rest


class SafePath(CountingEnv):
    """A world that notes what its own child processes would find in PYTHONSAFEPATH."""

    def __init__(self, *, note: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        Path(note).write_text(str(os.environ.get("PYTHONSAFEPATH")))
