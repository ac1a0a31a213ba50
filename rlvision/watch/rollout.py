"""Playing for people to watch."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np

from rlvision.core.types import BoolArray, EnvSpec, EnvStep, FloatArray, Policy, UInt8Array, VectorEnv
from rlvision.watch.step import Moment


class WatchedEnv(VectorEnv, Protocol):
    """One environment that says whether its observation is a reset's."""

    @property
    def first(self) -> BoolArray:
        """[1]."""


class Screen(Protocol):
    """The pictures of that environment."""

    @property
    def lives(self) -> int:
        """Lives left; 0 in games without lives."""

    def first_frame(self) -> UInt8Array:
        """The picture [H, W, 3] after a reset."""

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """The pictures [H, W, 3] that the step just received went through."""

    def skip(self, step: EnvStep) -> None:
        """Go along with the step just received, without its pictures."""


class Rollout:
    """Iterates over the moments of ``games`` games.

    Args:
        env: one environment; each game begins with a reset by a seed of its own.
        screen: of that environment.
        q_values: observation [1, C, H, W] -> Q-values [1, A].
        policy: chooses the actions.
        seed: of the first game; the next has the next.
        games: how many; None: for ever.
        max_steps: decisions after which a game is cut short; None: never.
        opening: begins a game by its seed and returns its first picture [H, W, 3]; None: a reset.
    """

    def __init__(
        self,
        env: WatchedEnv,
        screen: Screen,
        q_values: Callable[[UInt8Array], FloatArray],
        policy: Policy,
        *,
        seed: int,
        games: int | None = 1,
        max_steps: int | None = None,
        opening: Callable[[int], UInt8Array] | None = None,
    ) -> None:
        self._env = env
        self._screen = screen
        self._q_values = q_values
        self._policy = policy
        self._seed = seed
        self._games = games
        self._max_steps = max_steps
        self._opening = opening or self._reset
        self._decisions = 0
        self._skipped = False

    @property
    def spec(self) -> EnvSpec:
        """Of the environment."""
        return self._env.spec

    def skip(self) -> None:
        """Leave the present game: the next moment is the first of the next."""
        self._skipped = True

    def __iter__(self) -> Iterator[Moment]:
        """The moments, in order."""
        game = 0
        while self._games is None or game < self._games:
            game += 1
            yield from self._play(game)

    def _play(self, game: int) -> Iterator[Moment]:
        """One game. After a step that ended something, a life perhaps, the next shows whether the game goes on."""
        self._skipped = False
        moment, ended = self._begin(game)
        while moment.length != self._max_steps:
            ahead = self._next(moment) if ended else None  # else no sooner than it must: a person may be at the keys
            if self._env.first[0]:
                yield replace(moment, last=True, over=ended)  # not ended: its environment failed
                return
            yield moment
            if self._skipped:
                return
            moment, ended = ahead or self._next(moment)
        yield replace(moment, last=True)

    def _begin(self, game: int) -> tuple[Moment, bool]:
        """Reset, and the first moment; whether its step ended something."""
        seed = self._seed + game - 1
        opening = self._opening(seed)
        lives = self._screen.lives or None
        before = Moment(
            frames=(opening,),
            observation=self._env.observation[0],
            action=0,
            q_values=np.zeros(self.spec.num_actions, dtype=np.float32),
            score=0.0,
            length=0,
            lives=lives,
            game=game,
            seed=seed,
            first=True,
            last=False,
            over=False,
        )
        moment, ended = self._next(before)
        return replace(moment, frames=(opening, *moment.frames), first=True), ended

    def _reset(self, seed: int) -> UInt8Array:
        self._env.reset(seed)
        return self._screen.first_frame()

    def _next(self, before: Moment) -> tuple[Moment, bool]:
        """Decide and act once more; whether that step ended something."""
        observation = self._env.observation
        q_values = self._q_values(observation)[0]
        step = self._env.step(self._policy.act(observation, self._env.first, self._decisions))
        self._decisions += 1
        frames = tuple(self._screen.frames(step))
        moment = replace(
            before,
            frames=frames,
            observation=observation[0],
            action=int(step.action[0]),
            q_values=q_values,
            score=before.score + float(step.reward[0]),
            length=before.length + 1,
            lives=None if before.lives is None else self._screen.lives,
            first=False,
        )
        return moment, bool(step.terminated[0] or step.truncated[0])
