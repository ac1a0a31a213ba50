"""Runners of one environment and of a group, used in this process and in worker processes alike."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from rlvision.core.errors import EnvCrashError, EnvError
from rlvision.envs.gymnasium_make import make_env, wrap_env_errors
from rlvision.envs.mask_checks import ACTION_MASK, read_mask, write_mask
from rlvision.envs.preprocessing import (
    fast_readback,
    frames_per_decision,
    fresh_stack,
    push_frame,
    reduce_screen,
    to_channels,
    to_frame,
)
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import Info, check_reset, check_screen, check_size, check_step, discrete_space
from rlvision.envs.world_view import declared_fps, is_gymnasiums_own, look_at

if TYPE_CHECKING:
    from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array

Faults = dict[int, EnvCrashError]
"""Errors of the environments that failed, by environment."""
FAILED_STEP = (0.0, False, False, False)
"""Reward, terminated, truncated and first of a failed step: it does not end its episode."""


class EnvRunner:
    """One Gymnasium environment as pixels, with NEXT_STEP resets: the step after a game's last step resets.

    An environment that raised an error is replaced by a new one at its next reset.

    Args:
        settings: of the environment.
        index: its place among all environments.

    Attributes:
        name: of the environment and its world, for errors.
        observation: the current stack [C, H, W].
        view: what is seen of it, and the names of its actions.
        info: what the environment returned with its last reset or step.
        action_mask: the actions that are legal now, [A]; None in a world without masks.
    """

    def __init__(self, settings: EnvSettings, index: int = 0) -> None:
        self._settings = settings
        self._frameskip = frames_per_decision(settings, is_atari=False)
        self.name = f"environment {index} of {settings.game}"
        self._env = make_env(settings)
        self._start = int(discrete_space(self._env).start)
        self.view = look_at(self._env, settings)
        self._readback = fast_readback if is_gymnasiums_own(self._env) else nullcontext
        self._ended, self._broken = True, False
        self._seed, self._steps = 0, 0  # of the current game
        self._observed: Any = None
        self._shape: tuple[int, ...] | None = None  # of its pictures
        self.observation: UInt8Array = np.empty(0, dtype=np.uint8)
        self.info: Info = {}
        self.action_mask: BoolArray | None = None

    def observation_shape(self) -> tuple[int, int, int]:
        """Return (C, H, W); this begins a game, and so proves that the environment has pictures."""
        self.reset(seed=0)
        channels, height, width = self.observation.shape
        return channels, height, width

    @property
    def decisions_per_second(self) -> float:
        """Decisions per second at the environment's own pace."""
        return declared_fps(self._env) / self._frameskip

    def reset(self, seed: int) -> None:
        """Begin a new game."""
        self._seed, self._steps = seed, 0
        if self._broken:
            self._recreate()
        with self._wrap_errors():
            self._observed, self.info = check_reset(self._env.reset(seed=seed))
            self._keep_mask(terminated=False)
            reduced = self._reduced()
        self.observation = fresh_stack(to_frame(reduced, self._settings), self._settings.stack)
        self._ended = False

    def step(self, action: int, next_seed: int) -> tuple[float, bool, bool, bool]:
        """Return reward, terminated, truncated, and whether the observation is a reset's.

        Args:
            action: from 0 to A - 1; ignored after the last step of a game.
            next_seed: of the game that begins if this one is over.
        """
        if self._ended:
            self.reset(next_seed)
            return 0.0, False, False, True
        self._steps += 1
        with self._wrap_errors():
            reward, terminated, truncated, reduced = self._repeat(self._start + action)
        self._ended = terminated or truncated
        self.observation = push_frame(self.observation, to_frame(reduced, self._settings))
        return reward, terminated, truncated and not terminated, False

    def repeat(self, action: int) -> None:
        """Take an action of an action log; ignore it once the game is over, as the log's step began a new game."""
        if not self._ended:
            self.step(action, next_seed=0)

    def picture(self) -> UInt8Array:
        """Return the current screen for people to watch, [H, W, 3]: rendered where possible, else as observed."""
        with self._wrap_errors():
            rendered = self._env.render_mode == "rgb_array"
            screen = self._render() if rendered or not self.view.picture else self.view.picture(self._observed)
        return to_channels(check_screen(screen), 3).copy()

    def close(self) -> None:
        """Close the environment; log a warning if that fails."""
        try:
            with wrap_env_errors(self.name, "as it was closed"):
                self._env.close()
        except EnvError as error:
            logging.getLogger("rlvision").warning("%s", error)

    def _repeat(self, action: int) -> tuple[float, bool, bool, UInt8Array]:
        """Repeat the action while it is legal; return summed reward, terminated, truncated and screen [H, W, c]."""
        total, brighter = 0.0, None
        for left in reversed(range(self._frameskip)):
            self._observed, reward, terminated, truncated, self.info = check_step(self._env.step(action))
            total += reward
            self._keep_mask(terminated)
            if terminated or truncated or not self._allows(action):
                break
            if left == 1 and self._settings.max_pool:
                brighter = self._reduced().copy()  # an environment may draw into the same array again
        last = self._reduced()
        return total, terminated, truncated, last if brighter is None else np.maximum(brighter, last)

    def _keep_mask(self, terminated: bool) -> None:
        if ACTION_MASK in self.info or self.action_mask is not None:
            self.action_mask = read_mask(self.info, len(self.view.action_names), terminated)

    def _allows(self, action: int) -> bool:
        return self.action_mask is None or bool(self.action_mask[action - self._start])

    def _reduced(self) -> UInt8Array:
        """Return the current screen, cropped and in its channels, [H, W, c]."""
        return reduce_screen(self._screen(), self._settings)

    def _screen(self) -> UInt8Array:
        """Return the current screen, [H, W, 1] or [H, W, 3], of the same shape as the first."""
        picture = self.view.picture(self._observed) if self.view.picture else check_screen(self._render())
        self._shape = self._shape or picture.shape
        return check_size(picture, self._shape)

    def _render(self) -> Any:
        with self._readback():
            return self._env.render()

    @contextmanager
    def _wrap_errors(self) -> Iterator[None]:
        """Add this environment's name, seed and step to errors; mark it broken after an error of its own."""
        try:
            with wrap_env_errors(self.name, f"step {self._steps} of the game with seed {self._seed}"):
                yield
        except EnvCrashError:
            self._ended = self._broken = True
            raise

    def _recreate(self) -> None:
        """Replace the environment that failed by a new one."""
        self.close()
        with self._wrap_errors():
            self._env = make_env(self._settings)
        self._broken = False


class EnvGroup:
    """A group of environments, stepped one after the other, with their observations in one array.

    If one environment fails, the others still make their step; its error is among the returned faults.

    Args:
        settings: of each.
        observation: [n, C, H, W], written to.
        action_mask: [n, A], written to; [n, 0] in a world without masks.
        start: index of the first one among all environments.
        on_turn: called with an environment's index before each call of that environment.
    """

    def __init__(
        self,
        settings: EnvSettings,
        observation: UInt8Array,
        action_mask: BoolArray,
        start: int = 0,
        on_turn: Callable[[int], None] = lambda index: None,
    ) -> None:
        self._observation, self._action_mask, self._start, self._on_turn = observation, action_mask, start, on_turn
        self.runners: list[EnvRunner] = []
        try:
            for index in range(start, start + len(observation)):
                on_turn(index)
                self.runners.append(EnvRunner(settings, index))
        except BaseException:
            self.close()
            raise

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [n] by their seeds [n]."""
        faults: Faults = {}
        for place in np.flatnonzero(mask).tolist():
            with self._at(place, faults) as runner:
                runner.reset(seeds[place])
        return faults

    def step(
        self, action: IntArray, next_seeds: Sequence[int]
    ) -> tuple[FloatArray, BoolArray, BoolArray, BoolArray, Faults]:
        """Step all; return reward, terminated, truncated and first, each [n], with zeros for failed ones."""
        results = [FAILED_STEP] * len(self.runners)
        faults: Faults = {}
        for place, given in enumerate(zip(action.tolist(), next_seeds, strict=True)):
            with self._at(place, faults) as runner:
                results[place] = runner.step(*given)
        rewards, *flags = zip(*results, strict=True)
        terminated, truncated, first = (np.array(flag, dtype=np.bool_) for flag in flags)
        return np.array(rewards, dtype=np.float32), terminated, truncated, first, faults

    def repeat(self, action_logs: Sequence[Sequence[int]]) -> Faults:
        """Take the actions of n action logs, of any length."""
        faults: Faults = {}
        for place, actions in enumerate(action_logs):
            for action in actions:
                with self._at(place, faults) as runner:
                    runner.repeat(action)
        return faults

    def picture(self, place: int) -> UInt8Array:
        """Return the current screen [H, W, 3] at a place; raise EnvCrashError if it cannot be drawn."""
        self._on_turn(self._start + place)
        return self.runners[place].picture()

    def infos(self) -> list[Info]:
        """Return what each environment returned with its last reset or step, [n]."""
        return [runner.info for runner in self.runners]

    def plain_infos(self) -> list[Info]:
        """Return `infos` with plain values only, which every process can read: numbers, text, arrays and groups."""
        return [{name: value for name, value in info.items() if _is_plain(value)} for info in self.infos()]

    def close(self) -> None:
        """Close all."""
        for runner in self.runners:
            runner.close()

    @contextmanager
    def _at(self, place: int, faults: Faults) -> Iterator[EnvRunner]:
        """Yield the environment at a place; afterwards write its observation, or record its fault."""
        self._on_turn(self._start + place)
        runner = self.runners[place]
        try:
            yield runner
        except EnvCrashError as fault:
            fault.add_note("".join(traceback.format_exception(fault.__cause__)).rstrip())  # survives a pipe
            faults[self._start + place] = fault
        else:
            self._observation[place] = runner.observation
            if runner.action_mask is not None or self._action_mask.size:
                write_mask(self._action_mask, place, runner)


def _is_plain(value: Any) -> bool:
    if type(value) is np.ndarray or isinstance(value, np.generic):
        return not value.dtype.hasobject
    if type(value) is dict:
        return all(_is_plain(each) for pair in value.items() for each in pair)
    if type(value) in (list, tuple, set):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str, bytes)
