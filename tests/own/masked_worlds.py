"""Worlds that say which actions are legal, and fail when another one is sent."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

from rlvision.envs.counting_env import CountingEnv, Picture, ends_by_truncation

Mask = npt.NDArray[np.bool_]
NUM_ACTIONS = 4


def legal_actions(game: int, step: int) -> Mask:
    """The actions that are legal at a step of a game, [A]: two or three of the four, and seldom those of before."""
    return (np.arange(NUM_ACTIONS) + 7 * game + 2 * step) % 3 != 0


class Gated(CountingEnv):
    """A counting world in which an illegal action is an error; nothing is legal after a game's real end."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        picture, _ = super().reset(seed=seed)
        return picture, {"action_mask": self.mask()}

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        if not legal_actions(self._game, self._step)[action]:
            raise ValueError(f"action {action} is illegal at step {self._step} of game {self._game}")
        picture, reward, terminated, truncated, _ = super().step(action)
        return picture, reward, terminated, truncated, {"action_mask": self.mask() & (not terminated)}

    def mask(self) -> Mask:
        return legal_actions(self._game, self._step)


class LongGated(Gated):
    """Games of 40 steps, which are truncated, so that every state has legal actions."""

    def __init__(self) -> None:
        super().__init__(lengths=(40,), ending="truncate")
        assert ends_by_truncation(0, "truncate")


class Odd(CountingEnv):
    """A world whose masks are wrong, or come at odd times.

    Args:
        at_reset: mask of the first state; None: none.
        later: mask of the others; None: none.
        terminates: whether the first step ends the game.
    """

    def __init__(self, at_reset: Any = None, later: Any = None, terminates: bool = False) -> None:
        super().__init__(lengths=(1 if terminates else 9,), ending="terminate")
        self._at_reset, self._later = at_reset, later

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        picture, _ = super().reset(seed=seed)
        return picture, self._info(self._at_reset)

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        return *super().step(action)[:4], self._info(self._later)

    def _info(self, mask: Any) -> dict[str, Any]:
        return {} if mask is None else {"action_mask": mask}


class Trapdoor(gymnasium.Env[Picture, np.int64]):
    """Games of eight decisions with six doors, two of them open: one pays 1. A closed one costs 100 and ends the game.

    The picture shows the open doors in gray, and that which pays in white.
    """

    observation_space = Box(0, 255, (32, 48, 3), np.uint8)
    action_space = Discrete(6)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        super().reset(seed=seed)
        self._left = 8
        return self._next()

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        self._left -= 1
        reward = 1.0 if action == self._pays else 0.0
        fell = action not in self._open
        picture, info = self._next()
        return picture, -100.0 if fell else reward, fell or not self._left, False, info

    def _next(self) -> tuple[Picture, dict[str, Any]]:
        self._open = self.np_random.permutation(6)[:2]
        self._pays = self._open[0]
        picture = np.zeros((32, 48, 3), np.uint8)
        for door in self._open:
            picture[:, 8 * door : 8 * door + 8] = 255 if door == self._pays else 120
        return picture, {"action_mask": np.isin(np.arange(6), self._open).astype(np.int8)}
