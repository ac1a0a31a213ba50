"""The game that everybody watches: one loop, played at its own pace, steered by whoever asks."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from math import ceil
from typing import Any

from rlvision.core.errors import ConfigError
from rlvision.core.signals import Interrupted
from rlvision.core.types import EnvSpec
from rlvision.watch.controls import SPEEDS, Controls
from rlvision.watch.rollout import Rollout
from rlvision.watch.step import Moment
from rlvision.watch.web.history import History, take
from rlvision.watch.web.human_policy import Dial, Pilot
from rlvision.watch.web.weights import Brain, Follower

LISTEN = 0.2
"""Seconds between two questions whether somebody interrupts."""
REST = 1.0
"""Seconds for which the end of a game stays on the screen."""


CATCH_UP = 0.1
"""Seconds that a decision may take beyond its time and be made up for."""


class Player:
    """Plays for ever, and holds the game while somebody pauses it, nobody watches or there are no weights yet.

    Every public method may be called by any thread; what changes is told by ``changed``.

    Args:
        rollout: endless, of the pilot's decisions.
        pilot: the policy.
        epsilon: the agent's probability of a random action.
        follower: the weights.
        fps: the game's pictures per second.
        changed: notified when there is something new to see.
    """

    def __init__(
        self,
        rollout: Rollout,
        pilot: Pilot,
        epsilon: Dial,
        follower: Follower,
        *,
        fps: float,
        changed: threading.Condition,
    ) -> None:
        self._rollout = rollout
        self._pilot = pilot
        self._epsilon = epsilon
        self._follower = follower
        self._controls = Controls()
        self._viewers: set[int] = set()
        self._numbers = count(1)
        self._over = 0.0  # when the last moment was, on the monotonic clock
        self.fps = fps
        self.changed = changed
        self.history = History()

    @property
    def spec(self) -> EnvSpec:
        """Of the environment."""
        return self._rollout.spec

    @property
    def brain(self) -> Brain | None:
        """The weights that play; None before the first."""
        return self._follower.brain

    def check_action(self, action: int | None) -> None:
        """Refuse what is no action.

        Raises:
            ConfigError: there is no such action.
        """
        if action is not None and not 0 <= action < self.spec.num_actions:
            raise ConfigError(f"expected an action from 0 to {self.spec.num_actions - 1}, got {action}: choose another")

    def play(self, interrupted: Interrupted) -> None:
        """Play until somebody interrupts."""
        if not self._wait_for_weights(interrupted):
            return
        for moment in self._rollout:
            self._show(moment)
            if not self._linger(moment, interrupted):
                return
            if self._controls.leave_game() and not moment.last:
                self._rollout.skip()

    def enter(self) -> int:
        """One more viewer; returns the number by which it is known."""
        with self._changing():
            viewer = next(self._numbers)
            self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: int) -> None:
        """One viewer less; what it held it gives back."""
        with self._changing():
            self._viewers.discard(viewer)
            if self._pilot.person == viewer:
                self._pilot.give_back()

    def pause(self, paused: bool) -> None:
        """Hold the game, or let it go on."""
        with self._changing():
            self._controls.paused = paused

    def step(self, viewer: int, action: int | None = None) -> None:
        """Pause, and make one decision: of the person's, if that viewer plays and says which.

        Raises:
            ConfigError: there is no such action.
        """
        self.check_action(action)
        with self._changing():
            self._controls.paused = self._controls.step = True
            if action is not None and self._pilot.person == viewer:
                self._pilot.do_once(action)

    def next_game(self) -> None:
        """Leave this game for the next."""
        with self._changing():
            self._controls.skip = True

    def set_speed(self, speed: float) -> None:
        """Play at so many times the game's own speed.

        Raises:
            ConfigError: it is none of `rlvision.watch.controls.SPEEDS`.
        """
        if speed not in SPEEDS:
            raise ConfigError(f"expected a speed out of {', '.join(map(str, SPEEDS))}, got {speed}: choose one of them")
        with self._changing():
            self._controls.gear = SPEEDS.index(speed)

    def set_epsilon(self, epsilon: float) -> None:
        """Let the agent act at random so often.

        Raises:
            ConfigError: it is no probability.
        """
        if not 0 <= epsilon <= 1:
            raise ConfigError(f"expected an epsilon from 0 to 1, got {epsilon}: 0 is greedy")
        with self._changing():
            self._epsilon.value = epsilon

    def take_over(self, viewer: int) -> None:
        """Let this viewer play, whoever did before."""
        with self._changing():
            self._pilot.take_over(viewer)

    def give_back(self, viewer: int) -> None:
        """Let the agent play again, if it was this viewer who did."""
        with self._changing():
            if self._pilot.person == viewer:
                self._pilot.give_back()

    def hold(self, viewer: int, action: int | None) -> None:
        """What a viewer who plays does from now on; None: nothing.

        Raises:
            ConfigError: there is no such action.
        """
        self.check_action(action)
        with self._changing():
            if self._pilot.person == viewer:
                self._pilot.hold(action)

    def status(self, viewer: int) -> dict[str, Any]:
        """How things stand, as that viewer is to see it."""
        brain, person = self._follower.brain, self._pilot.person
        return {
            "paused": self._controls.paused,
            "speed": self._controls.speed,
            "epsilon": self._epsilon.value,
            "person": "nobody" if person is None else "you" if person == viewer else "somebody",
            "viewers": len(self._viewers),
            "weights": None if brain is None else {"env_steps": brain.env_steps, "source": brain.source},
            "notice": self._follower.notice,
        }

    def _wait_for_weights(self, interrupted: Interrupted) -> bool:
        """False: somebody interrupted."""
        with self.changed:
            while self._follower.brain is None and not interrupted():
                self.changed.wait(LISTEN)
        return not interrupted()

    def _show(self, moment: Moment) -> None:
        shot = take(
            moment,
            self.history.next_index,
            frame_channels=self.spec.frame_channels,
            by_person=self._pilot.was_person,
            seconds=len(moment.frames) / self.fps / self._controls.speed,
            thin=ceil(self._controls.speed),
        )
        with self._changing():
            self.history.add(shot)

    def _linger(self, moment: Moment, interrupted: Interrupted) -> bool:
        """Wait as long as the moment lasts and is held; False: somebody interrupted."""
        begin = max(self._over, time.monotonic() - CATCH_UP)  # where the moment before it ended, if that was now
        with self.changed:
            while not interrupted():
                self._over = min(begin + self._seconds(moment), now := time.monotonic())
                left = begin + self._seconds(moment) - now
                go = self._controls.step or self._controls.skip
                held = self._controls.holds() or not self._viewers
                if go or (left <= 0 and not held):
                    return True
                self.changed.wait(min(LISTEN, left) if left > 0 else LISTEN)
        return False

    def _seconds(self, moment: Moment) -> float:
        """How long it stays on the screen."""
        end = REST if moment.last and not self._controls.paused else 0.0
        return (len(moment.frames) / self.fps + end) / self._controls.speed

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self.changed:
            yield
            self.changed.notify_all()
