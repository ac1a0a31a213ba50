"""Games played for people to watch, decision by decision."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from rlvision.core.action_masks import act_legally, mask_of
from rlvision.core.types import BoolArray, EnvSpec, EnvStep, FloatArray, Policy, UInt8Array, VectorEnv


@dataclass(frozen=True, slots=True)
class RolloutStep:
    """One decision: its observation, its Q-values, its action and the screens that followed.

    ``frames`` has one RGB screen [H, W, 3] for each emulator frame of the action. The first step of a game has one
    more in front: the screen that the game started with.
    """

    frames: tuple[UInt8Array, ...]
    observation: UInt8Array  # [C, H, W] before the action; oldest frame first
    action: int
    q_values: FloatArray  # [A]; that of an illegal action is -inf
    score: float  # raw, of this game so far, the reward of this decision included
    length: int  # decisions of this game so far, this one included
    lives: int | None  # left after it; None in games without lives
    game: int  # 1, 2, ...
    seed: int  # of the game's reset
    first: bool  # the first of its game
    last: bool  # the last of its game: the game is over, or was cut short
    over: bool  # the game is over


@dataclass(frozen=True, slots=True)
class Game:
    """The result of a game that was watched."""

    score: float  # raw; so far, if the game was cut short
    length: int  # decisions
    seed: int
    over: bool  # False: it was cut short


class RolloutSteps(Protocol):
    """Games as an iterable of steps."""

    @property
    def spec(self) -> EnvSpec:
        """Spec of the environment."""

    def __iter__(self) -> Iterator[RolloutStep]:
        """Yield the steps, in order."""


def game_of(rollout_step: RolloutStep) -> Game:
    """Return the result of the game whose last step this is."""
    return Game(rollout_step.score, rollout_step.length, rollout_step.seed, rollout_step.over)


def q_value_text(rollout_step: RolloutStep, action: int) -> str:
    """Return the Q-value of an action in three decimals, or that the action is illegal."""
    value = float(rollout_step.q_values[action])
    return "illegal" if value == -np.inf else f"{value:.3f}"


def drawable_q_values(q_values: FloatArray) -> FloatArray:
    """Return Q-values [A] that can be drawn as bars: illegal actions have the mean of the legal ones, thus no bar.

    Those of a network that has diverged are 0 where they are not finite.
    """
    legal = q_values != -np.inf
    if legal.any() and np.isfinite(q_values[legal]).all():
        return np.where(legal, q_values, q_values[legal].mean())
    return np.nan_to_num(q_values, nan=0.0, posinf=0.0, neginf=0.0)


class WatchedEnv(VectorEnv, Protocol):
    """One environment that reports whether its observation comes from a reset."""

    @property
    def first(self) -> BoolArray:
        """Whether the observation comes from a reset, [1]."""


class Screen(Protocol):
    """The screens of that environment, in the game's own colours."""

    @property
    def lives(self) -> int:
        """Lives left; 0 in games without lives."""

    def first_frame(self) -> UInt8Array:
        """Return the screen [H, W, 3] after a reset."""

    def frames(self, step: EnvStep) -> list[UInt8Array]:
        """Return the screens [H, W, 3] of the step just received, one for each emulator frame."""

    def skip(self, step: EnvStep) -> None:
        """Follow the step just received without rendering it."""


class Rollout:
    """The steps of ``games`` games, as an iterable.

    Args:
        env: one environment; each game begins with a reset by its own seed.
        screen: of that environment.
        q_values: observation [1, C, H, W] -> Q-values [1, A].
        policy: chooses the actions.
        seed: of the first game; each later game adds 1.
        games: number of games; None: without end.
        max_steps: decisions after which a game is cut short; None: never.
        opening: starts a game from its seed and returns its first screen [H, W, 3]; None: a reset.
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
        """Spec of the environment."""
        return self._env.spec

    def skip(self) -> None:
        """Leave the current game: the next step is the first one of the next game."""
        self._skipped = True

    def __iter__(self) -> Iterator[RolloutStep]:
        """Yield the steps, in order."""
        game = 0
        while self._games is None or game < self._games:
            game += 1
            yield from self._play(game)

    def _play(self, game: int) -> Iterator[RolloutStep]:
        """Play one game.

        After a step that terminated or truncated an episode (a lost life, perhaps), the next step tells whether the
        game goes on.
        """
        self._skipped = False
        rollout_step, ended = self._begin(game)
        while rollout_step.length != self._max_steps:
            ahead = (
                self._next(rollout_step) if ended else None
            )  # chosen as late as possible, since a person may be playing
            if self._env.first[0]:
                yield replace(rollout_step, last=True, over=ended)  # a reset without an end: the environment failed
                return
            yield rollout_step
            if self._skipped:
                return
            rollout_step, ended = ahead or self._next(rollout_step)
        yield replace(rollout_step, last=True)

    def _begin(self, game: int) -> tuple[RolloutStep, bool]:
        """Reset and make the first decision; return its step, and whether its step ended an episode."""
        seed = self._seed + game - 1
        opening = self._opening(seed)
        lives = self._screen.lives or None
        before = RolloutStep(
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
        rollout_step, ended = self._next(before)
        return replace(rollout_step, frames=(opening, *rollout_step.frames), first=True), ended

    def _reset(self, seed: int) -> UInt8Array:
        self._env.reset(seed)
        return self._screen.first_frame()

    def _next(self, before: RolloutStep) -> tuple[RolloutStep, bool]:
        """Make the next decision; return its step, and whether its step ended an episode."""
        observation = self._env.observation
        q_values, mask = self._q_values(observation)[0], mask_of(self._env)
        step = self._env.step(act_legally(self._policy, mask, observation, self._env.first, self._decisions))
        self._decisions += 1
        frames = tuple(self._screen.frames(step))
        rollout_step = replace(
            before,
            frames=frames,
            observation=observation[0],
            action=int(step.action[0]),
            q_values=q_values if mask is None else np.where(mask[0], q_values, np.float32(-np.inf)),
            score=before.score + float(step.reward[0]),
            length=before.length + 1,
            lives=None if before.lives is None else self._screen.lives,
            first=False,
        )
        return rollout_step, bool(step.terminated[0] or step.truncated[0])
