"""The full-colour screens of environments behind Gymnasium's ``render``, which may begin at any time."""

from collections.abc import Callable

import numpy as np

from rlvision.core.errors import EnvError
from rlvision.core.types import EnvStep, UInt8Array
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.screen import AtariScreen, GymnasiumScreen
from rlvision.envs.split_env import ReplayableEnv

GAMES_FPS = 60.0
"""Frames of an Atari game per second."""


class PixelScreens:
    """The screens of N environments, one picture a step; they cost nothing until the first one is asked for.

    An Atari game's screen is that of a second emulator. The first picture repeats the game's action log there, from its
    last seeded reset on; later ones follow the steps.

    Args:
        env: the environments.
        make_one: makes one more environment of their kind.
    """

    def __init__(self, env: ReplayableEnv, make_one: Callable[[], ReplayableEnv]) -> None:
        self._env, self._make_one = env, make_one
        self._shadows: list[AtariScreen] = []

    def follow(self, step: EnvStep) -> None:
        """Follow the step just received."""
        for shadow in self._shadows:
            shadow.skip(step)

    def forget(self) -> None:
        """Forget the games so far, because they have been reset; the next picture begins with the action logs."""
        self._shadows = []

    def pictures(self) -> tuple[UInt8Array, ...]:
        """Return the current screens, N pictures [H, W, 3].

        Raises:
            EnvError: the environments are in other processes.
        """
        places = range(self._env.spec.num_envs)
        if isinstance(self._env, GymnasiumEnv):
            return tuple(GymnasiumScreen(self._env, place).picture() for place in places)
        self._shadows = self._shadows or [self._catch_up(place) for place in places]
        return tuple(shadow.picture() for shadow in self._shadows)

    def _catch_up(self, place: int) -> AtariScreen:
        """Return a screen that has repeated the action log of an Atari game."""
        twin, action_log = _atari(self._make_one()), self._env.action_logs[place]
        try:
            twin.rewind([action_log.seed])
            screen = AtariScreen(twin)
            screen.first_frame()
            for action in action_log.actions:
                screen.skip(twin.step(np.array([action])))
            screen.move_to(_atari(self._env), place)
        finally:
            twin.close()
        return screen


def steps_per_second(env: ReplayableEnv) -> float | None:
    """Return the decisions per second at the game's own pace; None for environments in other processes."""
    if isinstance(env, GymnasiumEnv):
        return None if env.runner(0) is None else GymnasiumScreen(env).fps
    return GAMES_FPS / env.spec.frameskip


def _atari(env: ReplayableEnv) -> AtariEnv:
    """Return Atari games as such.

    Raises:
        EnvError: they are others.
    """
    if not isinstance(env, AtariEnv):
        raise EnvError(f"expected an AtariEnv or a GymnasiumEnv, got {type(env).__name__}: make it with envs.make")
    return env
