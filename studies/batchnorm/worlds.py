"""Catch, the smallest environment of the study, which DN learns from pixels in half a minute."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

ROWS, COLUMNS, SCALE = 10, 8, 4
LEFT, STAY, RIGHT = range(3)


class Catch(gymnasium.Env[npt.NDArray[np.uint8], int]):
    """A game of a ball that falls in a random column; the paddle at the bottom catches it (+1) or not (-1).

    It follows bsuite (Osband et al. 2020), with pictures of 40x32 pixels and nine decisions per game.
    """

    observation_space = gymnasium.spaces.Box(0, 255, (ROWS * SCALE, COLUMNS * SCALE, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        super().reset(seed=seed)
        self._row, self._column, self._paddle = 0, int(self.np_random.integers(COLUMNS)), COLUMNS // 2
        return self._picture(), {}

    def step(self, action: int) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        self._paddle = min(max(self._paddle + int(action) - STAY, 0), COLUMNS - 1)
        self._row += 1
        landed = self._row == ROWS - 1
        reward = (1.0 if self._paddle == self._column else -1.0) if landed else 0.0
        return self._picture(), reward, landed, False, {}

    def _picture(self) -> npt.NDArray[np.uint8]:
        board = np.zeros((ROWS, COLUMNS), np.uint8)
        board[self._row, self._column] = board[-1, self._paddle] = 255
        return np.repeat(np.kron(board, np.ones((SCALE, SCALE), np.uint8))[..., None], 3, axis=2)
