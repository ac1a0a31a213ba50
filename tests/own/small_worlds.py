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


class Telling(CountingEnv):
    """Says much in its info, some of it only in every third step; fails in one step of every game."""

    def __init__(self, fails_at: int | None = None, widths: tuple[int, ...] = (2,), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._fails_at, self._widths = fails_at, widths

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        return super().reset(seed=seed)[0], self._told()

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        picture, reward, terminated, truncated, _ = super().step(action)
        if self._step == self._fails_at:
            raise ConnectionError("the simulator is gone")
        return picture, reward, terminated, truncated, self._told()

    def _told(self) -> dict[str, Any]:
        game = {"number": self._game, "at": np.full(self._widths[self._game % len(self._widths)], self._step)}
        told = {"count": self._step, "game": game, "thing": type(self), "seed": "mine"}
        return told | {"late": True} if self._step % 3 == 2 else told
