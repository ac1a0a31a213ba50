"""An environment for tests whose pixels encode the game and the step, so that any mix-up is visible.

::

    row 0 of the picture   g g g g s s s s ....    game and step + 1, four bytes each, the highest first
    rows below             a texture of both       so that whole frames differ, not only their first row
"""

from typing import Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

Picture = npt.NDArray[np.uint8]
Ending = Literal["alternate", "terminate", "truncate"]
_BYTES = 4


class CountingEnv(gymnasium.Env[Picture, np.int64]):
    """Games that count their steps. A game's number is the seed of its reset; without a seed, the last number + 1.

    Args:
        lengths: game g lasts ``lengths[g % len(lengths)]`` steps.
        ending: games terminate, are truncated, or the even ones terminate and the odd ones are truncated.
        size: height and width of the picture.
        actions: A.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(
        self, lengths: tuple[int, ...] = (5, 1, 9), ending: Ending = "alternate", size: int = 32, actions: int = 4
    ) -> None:
        self.observation_space = Box(0, 255, (size, size, 3), dtype=np.uint8)
        self.action_space = Discrete(actions)
        self._lengths, self._ending, self._size = lengths, ending, size
        self._game, self._step = -1, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        """Begin the next game."""
        super().reset(seed=seed)
        self._game, self._step = self._game + 1 if seed is None else seed, 0
        return draw(self._game, self._step, self._size), {}

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        """Count one step."""
        self._step += 1
        over = self._step >= game_length(self._game, self._lengths)
        truncates = ends_by_truncation(self._game, self._ending)
        picture = draw(self._game, self._step, self._size)
        return picture, reward(self._game, self._step), over and not truncates, over and truncates, {}


def game_length(game: int, lengths: tuple[int, ...]) -> int:
    """Return the number of steps of a game."""
    return lengths[game % len(lengths)]


def ends_by_truncation(game: int, ending: Ending) -> bool:
    """Return whether a game ends by truncation."""
    return ending == "truncate" or (ending == "alternate" and game % 2 == 1)


def reward(game: int, step: int) -> float:
    """Return the reward of a step: exact in float32, signed, and different from its neighbours'."""
    return (step % 1000) / 8 - (game % 16)


def draw(game: int, step: int, size: int) -> Picture:
    """Draw the picture [size, size, 3], gray, so that it survives the conversion to one channel exactly."""
    rows, columns = np.ogrid[:size, :size]
    picture = ((rows * 3 + columns * 5 + game * 7 + step * 11) % 256).astype(np.uint8)
    code = game.to_bytes(_BYTES, "big") + (step + 1).to_bytes(_BYTES, "big")
    picture[0, : len(code)] = np.frombuffer(code, dtype=np.uint8)
    return np.repeat(picture[:, :, None], 3, axis=2)


def read(frame: Picture) -> tuple[int, int]:
    """Read (game, step) from a frame [H, W] or [c, H, W]; (0, -1) from the blank frame before a game."""
    plane = frame if frame.ndim == 2 else frame[0]
    code = plane[0, : 2 * _BYTES].tobytes()
    return int.from_bytes(code[:_BYTES], "big"), int.from_bytes(code[_BYTES:], "big") - 1
