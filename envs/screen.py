"""Screens: the game of one environment (N = 1) in full colour, frame by frame, for people to watch.

Observations are small, gray and stacked; a screen shows the game itself::

    screen = make_screen(env)
    env.reset(seed)
    show(screen.first_frame())
    while playing:
        for frame in screen.frames(env.step(action)):
            show(frame)
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from ale_py import Action, ALEInterface, LoggerMode

from rlvision.core.errors import EnvError
from rlvision.core.types import EnvStep, UInt8Array, VectorEnv
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.atari_games import rom_path
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.split_env import ReplayableEnv

GAMES_FPS = 60.0
"""Frames of an Atari game per second."""


class Screen(Protocol):
    """The screen of one environment."""

    @property
    def fps(self) -> float:
        """Pictures per second at the game's own pace."""

    @property
    def lives(self) -> int:
        """Lives left; 0 in games without lives."""

    def first_frame(self) -> UInt8Array:
        """Return the picture [H, W, 3] after ``env.reset``."""

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """Return the pictures [H, W, 3] of the step just received; for a new game, its first picture."""

    def skip(self, step: EnvStep) -> None:
        """Follow the step just received without making pictures."""


class AtariScreen:
    """The screen of a second emulator, the shadow, which repeats the first one's game bit for bit.

    ale-py's vector environment does not return its screens. A second emulator has the same screens, sticky actions
    included, if it has the same seed and sticky probability and takes the same actions for as many frames.

    Args:
        env: environments, not in play yet or just reset.
        index: the one to follow.
    """

    fps = GAMES_FPS

    def __init__(self, env: AtariEnv, index: int = 0) -> None:
        ALEInterface.setLoggerMode(LoggerMode.Error)
        self._env, self._index = env, index
        self._shadow = ALEInterface()
        self._shadow.setFloat("repeat_action_probability", env.protocol.sticky)
        self._actions = [getattr(Action, name) for name in env.spec.action_meanings]

    @property
    def lives(self) -> int:
        """Lives left; 0 in games without lives."""
        return int(self._shadow.lives())

    def first_frame(self) -> UInt8Array:
        """Return the picture [210, 160, 3] after ``env.reset``."""
        if len(self._env.action_logs[self._index]) > 0:
            raise EnvError("expected a game that has just been reset by seed, got one in play: watch it from its reset")
        self._follow_reset()
        return self.picture()

    def move_to(self, env: AtariEnv, index: int) -> None:
        """Follow another environment from now on, which is in the same state as the one followed so far.

        Raises:
            EnvError: it is at another frame.
        """
        self._env, self._index = env, index
        self._expect_together()

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """Return the pictures [210, 160, 3] of the step just received; for a new game, its first picture.

        Raises:
            EnvError: a step was missed.
        """
        return [self.picture() for _ in self._follow(step)]

    def skip(self, step: EnvStep) -> None:
        """Follow the step just received without making its pictures.

        Raises:
            EnvError: a step was missed.
        """
        for _ in self._follow(step):
            pass

    def _follow(self, step: EnvStep) -> Iterator[None]:
        """Repeat the step; yield after each frame."""
        if self._env.first[self._index]:
            self._follow_reset()
            yield
            return
        for _ in range(self._env.spec.frameskip):
            self._shadow.act(self._actions[step.action[self._index]])
            yield
            if self._behind() <= 0:  # a game's last step may be shorter
                break
        self._expect_together()

    def _follow_reset(self) -> None:
        """Repeat ale-py's reset: the seed if there is one, FIRE if there is one, no-ops."""
        action_log = self._env.action_logs[self._index]
        if len(action_log) == 0:  # a seeded reset
            self._shadow.setInt("random_seed", action_log.seed)
            self._shadow.loadROM(rom_path(self._env.game))
        self._shadow.reset_game()
        if self._env.protocol.fire_on_reset and Action.FIRE.name in self._env.game_actions:
            self._shadow.act(Action.FIRE)
        while self._behind() > 0:
            self._shadow.act(Action.NOOP)
            if self._shadow.game_over():
                self._shadow.reset_game()
        self._expect_together()

    def picture(self) -> UInt8Array:
        """Return the current picture [210, 160, 3]."""
        return np.asarray(self._shadow.getScreenRGB(), dtype=np.uint8)

    def _behind(self) -> int:
        """Return the number of frames that the shadow is behind."""
        return int(self._env.frame_number[self._index]) - int(self._shadow.getFrameNumber())

    def _expect_together(self) -> None:
        if self._behind() != 0:
            raise EnvError(
                f"expected the screen at the game's frame, got it {self._behind()} frames behind: "
                "call first_frame() after reset() and frames(step) after every recv()"
            )


class GymnasiumScreen:
    """The environment's own pictures, one per step.

    Args:
        env: environments.
        index: the one to show.
    """

    lives = 0

    def __init__(self, env: GymnasiumEnv, index: int = 0) -> None:
        self._env, self._index = env, index

    @property
    def fps(self) -> float:
        """Pictures per second, one for each step."""
        return self._env.decisions_per_second

    def first_frame(self) -> UInt8Array:
        """Return the picture [H, W, 3] after ``env.reset``."""
        return self.picture()

    def picture(self) -> UInt8Array:
        """Return the current picture [H, W, 3]."""
        return self._env.picture(self._index)

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """Return the picture [H, W, 3] after the step just received."""
        return [self.picture()]

    def skip(self, step: EnvStep) -> None:
        """Do nothing: the environment itself has made the step."""


def expect_one(env: VectorEnv) -> None:
    """Refuse to watch several environments at once.

    Raises:
        EnvError: there is not exactly one.
    """
    if env.spec.num_envs != 1:
        raise EnvError(f"expected one environment to watch, got {env.spec.num_envs}: make it with num_envs=1")


def make_screen(env: VectorEnv) -> Screen:
    """Return the screen of an environment made by `rlvision.envs.factory.make`.

    Raises:
        EnvError: it cannot be watched.
    """
    expect_one(env)
    if isinstance(env, AtariEnv):
        return AtariScreen(env)
    if isinstance(env, GymnasiumEnv):
        return GymnasiumScreen(env)
    raise EnvError(f"expected an AtariEnv or a GymnasiumEnv to watch, got {type(env).__name__}: make it with envs.make")


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
        """Return the current screens, N pictures [H, W, 3]."""
        places = range(self._env.spec.num_envs)
        if isinstance(self._env, GymnasiumEnv):
            return tuple(self._env.picture(place) for place in places)
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


def decisions_per_second(env: ReplayableEnv) -> float:
    """Return the decisions per second at the game's own pace."""
    return env.decisions_per_second if isinstance(env, GymnasiumEnv) else GAMES_FPS / env.spec.frameskip


def _atari(env: ReplayableEnv) -> AtariEnv:
    """Return Atari games as such.

    Raises:
        EnvError: they are others.
    """
    if not isinstance(env, AtariEnv):
        raise EnvError(f"expected an AtariEnv or a GymnasiumEnv, got {type(env).__name__}: make it with envs.make")
    return env
