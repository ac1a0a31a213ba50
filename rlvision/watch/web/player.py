"""A player of one endless game for all viewers, at the game's own speed, with controls for every viewer."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from rlvision.core.errors import ConfigError
from rlvision.core.signals import StopReason
from rlvision.core.types import EnvSpec, UInt8Array
from rlvision.watch.controls import SPEEDS, Controls
from rlvision.watch.rollout import Rollout, RolloutStep
from rlvision.watch.web.history import FrameHistory, FrameRecord
from rlvision.watch.web.human_policy import HumanPolicy, MutableSchedule
from rlvision.watch.web.protocol import finite, png
from rlvision.watch.web.weights import LoadedCheckpoint, WeightWatcher

LISTEN = 0.2
"""Seconds between two checks for an interruption."""
REST = 1.0
"""Seconds that the end of a game stays on the screen."""
CATCH_UP = 0.1
"""Largest delay in seconds that the game catches up with."""


class Player:
    """An endless game, held while it is paused, while nobody watches, and before the first weights.

    Any thread may call the public methods; ``changed`` is notified of each change.

    Args:
        rollout: endless games of ``human_policy``.
        human_policy: the policy.
        epsilon: the agent's probability of a random action.
        weight_watcher: holds the weights.
        fps: the game's frames per second.
        changed: notified of each change.
    """

    def __init__(
        self,
        rollout: Rollout,
        human_policy: HumanPolicy,
        epsilon: MutableSchedule,
        weight_watcher: WeightWatcher,
        *,
        fps: float,
        changed: threading.Condition,
    ) -> None:
        self._rollout = rollout
        self._human_policy = human_policy
        self._epsilon = epsilon
        self._weight_watcher = weight_watcher
        self._controls = Controls()
        self._viewers: set[int] = set()
        self._numbers = count(1)
        self._over = 0.0  # the end of the last step, on the monotonic clock
        self.fps = fps
        self.changed = changed
        self.history = FrameHistory()

    @property
    def spec(self) -> EnvSpec:
        """Spec of the environment."""
        return self._rollout.spec

    @property
    def checkpoint(self) -> LoadedCheckpoint | None:
        """The current weights; None before the first."""
        return self._weight_watcher.checkpoint

    def check_action(self, action: int | None) -> None:
        """Refuse an action that the environment does not have.

        Raises:
            ConfigError: there is no such action.
        """
        if action is not None and not 0 <= action < self.spec.num_actions:
            raise ConfigError(f"expected an action from 0 to {self.spec.num_actions - 1}, got {action}: choose another")

    def play(self, interrupted: StopReason) -> None:
        """Play until an interruption."""
        if not self._wait_for_weights(interrupted):
            return
        for rollout_step in self._rollout:
            self._show(rollout_step)
            if not self._wait_at_end(rollout_step, interrupted):
                return
            if self._controls.consume_skip() and not rollout_step.last:
                self._rollout.skip()

    def enter(self) -> int:
        """Add a viewer, and return its number."""
        with self._changing():
            viewer = next(self._numbers)
            self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: int) -> None:
        """Remove a viewer; if it was playing, the agent plays again."""
        with self._changing():
            self._viewers.discard(viewer)
            if self._human_policy.person == viewer:
                self._human_policy.release()

    def pause(self, paused: bool) -> None:
        """Pause the game, or continue it."""
        with self._changing():
            self._controls.paused = paused

    def step(self, viewer: int, action: int | None = None) -> None:
        """Pause, and make one decision: ``action``, if that viewer is playing.

        Raises:
            ConfigError: there is no such action.
        """
        self.check_action(action)
        with self._changing():
            self._controls.paused = self._controls.step = True
            if action is not None and self._human_policy.person == viewer:
                self._human_policy.do_once(action)

    def next_game(self) -> None:
        """Go to the next game."""
        with self._changing():
            self._controls.skip = True

    def set_speed(self, speed: float) -> None:
        """Set the multiple of the game's own speed.

        Raises:
            ConfigError: it is not one of `rlvision.watch.controls.SPEEDS`.
        """
        if speed not in SPEEDS:
            raise ConfigError(f"expected a speed out of {', '.join(map(str, SPEEDS))}, got {speed}: choose one of them")
        with self._changing():
            self._controls.speed_index = SPEEDS.index(speed)

    def set_epsilon(self, epsilon: float) -> None:
        """Set the agent's probability of a random action.

        Raises:
            ConfigError: it is not a probability.
        """
        if not 0 <= epsilon <= 1:
            raise ConfigError(f"expected an epsilon from 0 to 1, got {epsilon}: 0 is greedy")
        with self._changing():
            self._epsilon.value = epsilon

    def take_over(self, viewer: int) -> None:
        """Let this viewer play instead of the agent or another viewer."""
        with self._changing():
            self._human_policy.take_over(viewer)

    def release(self, viewer: int) -> None:
        """Let the agent play again, if this viewer was playing."""
        with self._changing():
            if self._human_policy.person == viewer:
                self._human_policy.release()

    def hold(self, viewer: int, action: int | None) -> None:
        """Set the action that a viewer who is playing repeats from now on; None: no action.

        Raises:
            ConfigError: there is no such action.
        """
        self.check_action(action)
        with self._changing():
            if self._human_policy.person == viewer:
                self._human_policy.hold(action)

    def status(self, viewer: int) -> dict[str, Any]:
        """Return the state of the game as this viewer sees it."""
        checkpoint, person = self._weight_watcher.checkpoint, self._human_policy.person
        return {
            "paused": self._controls.paused,
            "speed": self._controls.speed,
            "epsilon": self._epsilon.value,
            "person": "nobody" if person is None else "you" if person == viewer else "somebody",
            "viewers": len(self._viewers),
            "weights": None if checkpoint is None else {"env_steps": checkpoint.env_steps, "source": checkpoint.source},
            "notice": self._weight_watcher.notice,
        }

    def _wait_for_weights(self, interrupted: StopReason) -> bool:
        """Wait for the first weights; return False on an interruption."""
        with self.changed:
            while self._weight_watcher.checkpoint is None and not interrupted():
                self.changed.wait(LISTEN)
        return not interrupted()

    def _show(self, rollout_step: RolloutStep) -> None:
        frame_record = encode_step(
            rollout_step,
            self.history.next_index,
            frame_channels=self.spec.frame_channels,
            by_person=self._human_policy.was_person,
            seconds=len(rollout_step.frames) / self.fps / self._controls.speed,
            thin=math.ceil(self._controls.speed),
        )
        with self._changing():
            self.history.add(frame_record)

    def _wait_at_end(self, rollout_step: RolloutStep, interrupted: StopReason) -> bool:
        """Wait until the step is over and the game goes on; return False on an interruption."""
        begin = max(self._over, time.monotonic() - CATCH_UP)  # the end of the last step, if that was recent
        with self.changed:
            while not interrupted():
                self._over = min(begin + self._seconds(rollout_step), now := time.monotonic())
                left = begin + self._seconds(rollout_step) - now
                go = self._controls.step or self._controls.skip
                held = self._controls.should_hold() or not self._viewers
                if go or (left <= 0 and not held):
                    return True
                self.changed.wait(min(LISTEN, left) if left > 0 else LISTEN)
        return False

    def _seconds(self, rollout_step: RolloutStep) -> float:
        """Return the time that a step stays on the screen."""
        end = REST if rollout_step.last and not self._controls.paused else 0.0
        return (len(rollout_step.frames) / self.fps + end) / self._controls.speed

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self.changed:
            yield
            self.changed.notify_all()


def encode_step(
    rollout_step: RolloutStep, index: int, *, frame_channels: int, by_person: bool, seconds: float, thin: int = 1
) -> FrameRecord:
    """Encode a step.

    Args:
        rollout_step: to encode.
        index: decisions shown before it.
        frame_channels: of one frame of the observation, 1 gray or 3 colour.
        by_person: whether a person chose the action.
        seconds: that its pictures are shown for.
        thin: keep every ``thin``-th picture, counted from the last.
    """
    q_values = finite(rollout_step.q_values.tolist())
    known = [value for value in q_values if value is not None]
    facts = {
        "index": index,
        "game": rollout_step.game,
        "length": rollout_step.length,
        "score": rollout_step.score if math.isfinite(rollout_step.score) else None,
        "lives": rollout_step.lives,
        "action": rollout_step.action,
        "greedy": int(np.nan_to_num(rollout_step.q_values, nan=-np.inf).argmax()),
        "q": q_values,
        "person": by_person,
        "seed": rollout_step.seed,
        "over": rollout_step.over,
        "seconds": seconds,
    }
    return FrameRecord(
        index=index,
        facts=facts,
        pictures=tuple(png(frame) for frame in rollout_step.frames[::-thin][::-1]),
        stack=png(_column(rollout_step.observation, frame_channels)),
        observation=rollout_step.observation,
        action=rollout_step.action,
        value=max(known, default=None),
        game=rollout_step.game,
    )


def _column(observation: UInt8Array, frame_channels: int) -> UInt8Array:
    """Put the frames of a stack [C, H, W] one below the other: [stack * H, W] gray, or [stack * H, W, 3]."""
    height, width = observation.shape[1:]
    frames = observation.reshape(-1, frame_channels, height, width)  # [stack, c, H, W]
    column = frames.transpose(0, 2, 3, 1).reshape(-1, width, frame_channels)
    return np.ascontiguousarray(column[:, :, 0] if frame_channels == 1 else column)
