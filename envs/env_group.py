"""One environment at a time, and a group of them: the same code in this process and in a worker's."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.spaces import Box

from rlvision.core.errors import ConfigError, EnvCrashError, EnvError
from rlvision.envs.gymnasium_make import World, action_meanings, blame, discrete_space, make_world
from rlvision.envs.preprocessing import (
    View,
    check_screen,
    fresh_stack,
    push_frame,
    reduce_screen,
    to_channels,
    to_frame,
)
from rlvision.envs.pygame_readback import fast_readback
from rlvision.envs.restart_limit import Faults
from rlvision.envs.validation import check_image, check_reset, check_size, check_step

if TYPE_CHECKING:
    from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array

USUAL_FPS = 30
"""Pictures a second of an environment that does not say."""
NOTHING = (0.0, False, False, False)
"""Reward, terminated, truncated and first of a step that failed: a row whose game is cut has no end."""
SMALLEST_STACKED = 24
"""Pixels: smaller layers of bytes are taken for the planes of a board, not for a stack of pictures."""


@dataclass(frozen=True, slots=True)
class Seat:
    """All that it takes to make one environment: picklable, the same in every process."""

    world: World
    view: View
    frameskip: int = 1
    maxpool: bool = False

    def __post_init__(self) -> None:
        if self.frameskip < 1:
            raise ConfigError(f"expected frameskip of at least 1, got {self.frameskip}")


class Slot:
    """One Gymnasium environment as pixels, under NEXT_STEP: the step after the last one resets.

    One that raised an error of its own is made anew at its next reset.

    Args:
        seat: how to make it.
        index: its place among all environments.

    Attributes:
        observation: the current stack [C, H, W].
        meanings: A names of the actions.
    """

    def __init__(self, seat: Seat, index: int = 0) -> None:
        self._seat = seat
        self._name = f"environment {index} of {seat.world.name}"
        self._env = make_world(seat.world)
        self._start = int(discrete_space(self._env).start)
        self._shows_itself = is_image(self._env.observation_space)
        refuse_stack(self._env.observation_space, seat.world.name)
        own = type(self._env.unwrapped).__module__.startswith("gymnasium.envs.")
        self._readback = fast_readback if own else nullcontext
        self._ended, self._broken = True, False
        self._seed, self._steps = 0, 0  # of the game that is on
        self._seen: Any = None
        self._shape: tuple[int, ...] | None = None  # of its pictures
        self.observation: UInt8Array = np.empty(0, dtype=np.uint8)
        self.meanings = action_meanings(self._env)

    def observation_shape(self) -> tuple[int, int, int]:
        """(C, H, W), found by beginning a game: it shows that the environment can be seen at all."""
        self.reset(seed=0)
        channels, height, width = self.observation.shape
        return channels, height, width

    @property
    def steps_per_second(self) -> float:
        """Of its agent, where the environment runs at its own pace."""
        return float(self._env.metadata.get("render_fps") or USUAL_FPS) / self._seat.frameskip

    def reset(self, seed: int) -> None:
        """Begin a new game."""
        self._seed, self._steps = seed, 0
        if self._broken:
            self._make_anew()
        with self._blame():
            self._seen = check_reset(self._env.reset(seed=seed))
            reduced = self._reduced()
        self.observation = fresh_stack(self._frame(reduced), self._seat.view.stack)
        self._ended = False

    def step(self, action: int, next_seed: int) -> tuple[float, bool, bool, bool]:
        """Reward, terminated, truncated and whether the observation is a reset's.

        Args:
            action: from 0 to A - 1; ignored after the last step of a game.
            next_seed: of the game that begins if this one is over.
        """
        if self._ended:
            self.reset(next_seed)
            return 0.0, False, False, True
        self._steps += 1
        with self._blame():
            reward, terminated, truncated, reduced = self._repeat(self._start + action)
        self._ended = terminated or truncated
        self.observation = push_frame(self.observation, self._frame(reduced))
        return reward, terminated, truncated and not terminated, False

    def repeat(self, action: int) -> None:
        """Take an action of a tape, unless the game is over: then it was another game."""
        if not self._ended:
            self.step(action, next_seed=0)

    def picture(self) -> UInt8Array:
        """The current screen for people to look at, [H, W, 3]: rendered where that can be, else as observed."""
        with self._blame():
            screen = self._seen if self._env.render_mode is None else self._render()
        return to_channels(check_screen(screen), 3).copy()

    def close(self) -> None:
        """Close the environment; where it cannot, a line says so."""
        try:
            with blame(self._name, "as it was closed"):
                self._env.close()
        except EnvError as error:
            logging.getLogger("rlvision").warning("%s", error)

    def _repeat(self, action: int) -> tuple[float, bool, bool, UInt8Array]:
        """The action on each of the frames to skip: summed reward, how it ended, the screen [H, W, c] to be seen."""
        total, brighter = 0.0, None
        for left in reversed(range(self._seat.frameskip)):
            self._seen, reward, terminated, truncated = check_step(self._env.step(action))
            total += reward
            if terminated or truncated:
                break
            if left == 1 and self._seat.maxpool:
                brighter = self._reduced().copy()  # an environment may draw into the same array again
        last = self._reduced()
        return total, terminated, truncated, last if brighter is None else np.maximum(brighter, last)

    def _reduced(self) -> UInt8Array:
        """The current screen, cropped and in its channels, [H, W, c]."""
        return reduce_screen(self._checked(), self._seat.view)

    def _checked(self) -> UInt8Array:
        """The current screen, [H, W, 1] or [H, W, 3], of the same shape as ever."""
        space = self._env.observation_space
        picture = check_image(self._seen, space) if self._shows_itself else check_screen(self._render())
        self._shape = self._shape or picture.shape
        return check_size(picture, self._shape)

    def _frame(self, reduced: UInt8Array) -> UInt8Array:
        return to_frame(reduced, self._seat.view)

    def _render(self) -> Any:
        if self._env.render_mode is None:
            raise EnvError(
                f"expected an image observation or an rgb_array render mode, got neither from {self._seat.world.name}: "
                "name it in the metadata['render_modes'] of the environment's class"
            )
        with self._readback():
            return self._env.render()

    @contextmanager
    def _blame(self) -> Iterator[None]:
        """Give errors the name and the moment of this environment; after one of its own it is made anew."""
        try:
            with blame(self._name, f"step {self._steps} of the game with seed {self._seed}"):
                yield
        except EnvCrashError:
            self._ended = self._broken = True
            raise

    def _make_anew(self) -> None:
        """Another environment in place of the one that failed."""
        self.close()
        with self._blame():
            self._env = make_world(self._seat.world)
        self._broken = False


def is_image(space: object) -> bool:
    """Is it a Box of uint8 [H, W, 3], [H, W, 1] or [H, W]?"""
    if not isinstance(space, Box) or space.dtype != np.uint8:
        return False
    return len(space.shape) == 2 or (len(space.shape) == 3 and space.shape[2] in (1, 3))


def refuse_stack(space: object, name: str) -> None:
    """Refuse an environment that stacks its pictures itself: frames are stacked here, once.

    Raises:
        EnvError: its observations are pictures, but several of them: uint8 [k, H, W], [H, W, k] or [k, H, W, c].
    """
    if not isinstance(space, Box) or space.dtype != np.uint8 or is_image(space):
        return
    sides = sorted(space.shape, reverse=True)[:2]
    if len(space.shape) in (3, 4) and sides[-1] >= SMALLEST_STACKED:
        raise EnvError(
            f"expected one picture [H, W, 3], [H, W, 1] or [H, W] as an observation, got uint8 {list(space.shape)} "
            f"from {name}, which stacks its frames itself: leave its stacking out, and set env.stack"
        )


class SlotGroup:
    """Environments stepped one after the other, their observations written to an array.

    An environment that raises an error of its own does not keep the others from their step: it brings nothing, and is
    among the faults that are returned.

    Args:
        seat: how to make each.
        observation: [n, C, H, W], where to write.
        start: the place of the first among all environments.
        note: told of the place before anything is asked of the environment there.
    """

    def __init__(
        self, seat: Seat, observation: UInt8Array, start: int = 0, note: Callable[[int], None] = lambda index: None
    ) -> None:
        self._observation, self._start, self._note = observation, start, note
        self.slots: list[Slot] = []
        try:
            for index in range(start, start + len(observation)):
                note(index)
                self.slots.append(Slot(seat, index))
        except BaseException:
            self.close()
            raise

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [n] by their seeds [n]."""
        faults: Faults = {}
        for place in np.flatnonzero(mask).tolist():
            with self._at(place, faults) as slot:
                slot.reset(seeds[place])
        return faults

    def step(
        self, action: IntArray, next_seeds: Sequence[int]
    ) -> tuple[FloatArray, BoolArray, BoolArray, BoolArray, Faults]:
        """Step all; reward, terminated, truncated and first, each [n], zeros where one failed."""
        results = [NOTHING] * len(self.slots)
        faults: Faults = {}
        for place, given in enumerate(zip(action.tolist(), next_seeds, strict=True)):
            with self._at(place, faults) as slot:
                results[place] = slot.step(*given)
        rewards, *flags = zip(*results, strict=True)
        terminated, truncated, first = (np.array(flag, dtype=np.bool_) for flag in flags)
        return np.array(rewards, dtype=np.float32), terminated, truncated, first, faults

    def repeat(self, tapes: Sequence[Sequence[int]]) -> Faults:
        """Go on with n tapes of actions, of any length."""
        faults: Faults = {}
        for place, actions in enumerate(tapes):
            for action in actions:
                with self._at(place, faults) as slot:
                    slot.repeat(action)
        return faults

    def close(self) -> None:
        """Close all."""
        for slot in self.slots:
            slot.close()

    @contextmanager
    def _at(self, place: int, faults: Faults) -> Iterator[Slot]:
        """Ask something of the environment at a place; what it shows after that is written, or its fault noted."""
        self._note(self._start + place)
        slot = self.slots[place]
        try:
            yield slot
        except EnvCrashError as fault:
            fault.add_note("".join(traceback.format_exception(fault.__cause__)).rstrip())  # survives a pipe
            faults[self._start + place] = fault
        else:
            self._observation[place] = slot.observation
