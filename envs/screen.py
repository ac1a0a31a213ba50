"""Full-colour pictures of what an agent plays, frame by frame, for people to watch.

Observations are small, gray and stacked; a screen shows the game itself. It watches one environment (N = 1)::

    screen = make_screen(env)
    env.reset(seed)
    show(screen.first_frame())
    while playing:
        for frame in screen.frames(env.step(action)):
            show(frame)
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from ale_py import Action, ALEInterface, LoggerMode

from rlvision.core.errors import EnvError
from rlvision.core.types import EnvStep, UInt8Array, VectorEnv
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.env_group import Slot
from rlvision.envs.gymnasium_env import RenderedEnv


class Screen(Protocol):
    """What can be seen of one environment."""

    @property
    def fps(self) -> float:
        """Pictures per second at the game's own pace."""

    @property
    def lives(self) -> int:
        """Lives left; 0 in games without lives."""

    def first_frame(self) -> UInt8Array:
        """The picture [H, W, 3] after ``env.reset``."""

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """The pictures [H, W, 3] that the step just received went through; of a new game, its first."""

    def skip(self, step: EnvStep) -> None:
        """Go along with the step just received, without its pictures."""


class AtariScreen:
    """A shadow: an emulator of its own that repeats what the watched one does, bit for bit.

    ale-py's vector environment does not show its screens. But an emulator with the same seed and the same sticky
    probability that takes the same actions for as many frames has the same screens, sticky actions included.

    Args:
        env: of one game, not in play yet or just reset.
    """

    fps = 60.0

    def __init__(self, env: AtariEnv) -> None:
        expect_one(env)
        ALEInterface.setLoggerMode(LoggerMode.Error)
        self._env, self._emulation = env, env.emulation
        self._shadow = ALEInterface()
        self._shadow.setFloat("repeat_action_probability", self._emulation.sticky)
        self._actions = [getattr(Action, name) for name in env.spec.action_meanings]

    @property
    def lives(self) -> int:
        """Lives left; 0 in games without lives."""
        return int(self._shadow.lives())

    def first_frame(self) -> UInt8Array:
        """The picture [210, 160, 3] after ``env.reset``."""
        if len(self._env.tapes[0]) > 0:
            raise EnvError("expected a game that has just been reset by seed, got one in play: watch it from its reset")
        self._follow_reset()
        return self._picture()

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """The pictures [210, 160, 3] that the step just received went through; of a new game, its first.

        Raises:
            EnvError: if a step was missed.
        """
        return [self._picture() for _ in self._follow(step)]

    def skip(self, step: EnvStep) -> None:
        """Go along with the step just received, without its pictures.

        Raises:
            EnvError: if a step was missed.
        """
        for _ in self._follow(step):
            pass

    def _follow(self, step: EnvStep) -> Iterator[None]:
        """Repeat the step; pause where there is a picture to be seen."""
        if self._env.first[0]:
            self._follow_reset()
            yield
            return
        for _ in range(self._emulation.frameskip):
            self._shadow.act(self._actions[step.action[0]])
            yield
            if self._behind() <= 0:  # a game's last step may be shorter
                break
        self._expect_together()

    def _follow_reset(self) -> None:
        """Do as ale-py's reset does: the seed if there is one, FIRE if there is one, no-ops."""
        tape = self._env.tapes[0]
        if len(tape) == 0:  # a seeded reset
            self._shadow.setInt("random_seed", tape.seed)
            self._shadow.loadROM(self._emulation.rom)
        self._shadow.reset_game()
        if self._emulation.fire_on_reset and Action.FIRE.name in self._env.game_actions:
            self._shadow.act(Action.FIRE)
        while self._behind() > 0:
            self._shadow.act(Action.NOOP)
            if self._shadow.game_over():
                self._shadow.reset_game()
        self._expect_together()

    def _picture(self) -> UInt8Array:
        return np.asarray(self._shadow.getScreenRGB(), dtype=np.uint8)

    def _behind(self) -> int:
        """Frames that the shadow lags."""
        return int(self._env.frame_number[0]) - int(self._shadow.getFrameNumber())

    def _expect_together(self) -> None:
        if self._behind() != 0:
            raise EnvError(
                f"expected the shadow at the game's frame, got it {self._behind()} frames behind: "
                "call first_frame() after reset() and frames(step) after every recv()"
            )


class RenderedScreen:
    """The environment's own pictures, one a step.

    Args:
        env: of one environment, in this process.
    """

    lives = 0

    def __init__(self, env: RenderedEnv) -> None:
        expect_one(env)
        slot = env.slot(0)
        if slot is None:
            raise EnvError("expected an environment in this process, got worker processes: watch with num_workers=0")
        self._slot: Slot = slot

    @property
    def fps(self) -> float:
        """One picture a step."""
        return self._slot.steps_per_second

    def first_frame(self) -> UInt8Array:
        """The picture [H, W, 3] after ``env.reset``."""
        return self._slot.picture()

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """The picture [H, W, 3] after the step just received."""
        return [self._slot.picture()]

    def skip(self, step: EnvStep) -> None:
        """Nothing to do: the environment shows itself."""


def expect_one(env: VectorEnv) -> None:
    """Refuse to watch several at once.

    Raises:
        EnvError: if there is not exactly one environment.
    """
    if env.spec.num_envs != 1:
        raise EnvError(f"expected one environment to watch, got {env.spec.num_envs}: make it with num_envs=1")


def make_screen(env: VectorEnv) -> Screen:
    """The screen for an environment that `rlvision.envs.make.make` has made.

    Raises:
        EnvError: if it cannot be watched.
    """
    if isinstance(env, AtariEnv):
        return AtariScreen(env)
    if isinstance(env, RenderedEnv):
        return RenderedScreen(env)
    raise EnvError(f"expected an AtariEnv or a RenderedEnv to watch, got {type(env).__name__}")
