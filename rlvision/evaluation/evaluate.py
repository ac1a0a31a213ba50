"""Evaluation: whole games, raw scores, and what they say of the agent.

Game number i has a seed and a stream of exploration of its own, and its observations always lie in the same row of a
batch of the same size. So it is the same game, bit for bit, whatever is played beside it: 2 games are the first 2 of
30, and 1 environment plays what 16 play.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rlvision.core.errors import ConfigError, EnvError
from rlvision.core.seeding import derive, generator
from rlvision.core.types import BoolArray, EnvStep, Episode, IntArray, QFunction, UInt8Array, VectorEnv


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Cuts games that never end; they count with the score they have.

    The defaults are half an hour of play, as the protocols of Atari allow, and five minutes without a reward.
    """

    max_frames: int = 108_000  # emulator frames of a game
    max_idle_frames: int | None = 18_000  # emulator frames since its last reward; None: any number

    def verdict(self, frames: int, idle_frames: int) -> str | None:
        """Why a game is cut now, or None."""
        if frames >= self.max_frames:
            return f"not over after {self.max_frames:,} frames"
        if self.max_idle_frames is not None and idle_frames >= self.max_idle_frames:
            return f"no reward for {self.max_idle_frames:,} frames"
        return None


USUAL = Watchdog()
"""The one with the defaults."""


ROWS = 8
"""Observations in every batch, blank ones included: other sizes are computed by other kernels, with other last bits."""

_RESAMPLES = 10_000
_log = logging.getLogger("rlvision")
_HIGHEST_SEED = 2**31 - 1  # emulators keep it in a signed 32-bit integer


class Abandoned(Exception):  # noqa: N818 - nothing went wrong
    """An evaluation was asked to stop before its games were over."""


class GamesEnv(VectorEnv, Protocol):
    """Environments in which games of given seeds begin."""

    @property
    def first(self) -> BoolArray:
        """Which current observations are a reset's, [N]."""

    def rewind(self, seeds: Sequence[int]) -> UInt8Array:
        """Begin a game of its own seed [N] in every environment."""

    def begin_games(self, seeds: Mapping[int, int]) -> UInt8Array:
        """Begin a game in each of the environments named, by its seed; the others play on."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The games of one evaluation."""

    episodes: tuple[Episode, ...]
    cut: Mapping[int, str] = field(default_factory=dict)
    """Why the watchdog ended some of them, by their place in ``episodes``."""

    @property
    def scores(self) -> list[float]:
        """Raw scores, in the order of the games."""
        return [episode.score for episode in self.episodes]

    @property
    def mean(self) -> float:
        """Mean score."""
        return float(np.mean(self.scores))

    @property
    def median(self) -> float:
        """Median score."""
        return float(np.median(self.scores))

    @property
    def standard_error(self) -> float | None:
        """Of the mean: the scores' standard deviation (n - 1) over the square root of n; None of a single game."""
        games = len(self.episodes)
        return float(np.std(self.scores, ddof=1) / np.sqrt(games)) if games > 1 else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the mean: percentiles of 10,000 resamples (Efron 1979), always the same ones."""
        scores = np.asarray(self.scores)
        draws = np.random.default_rng(0).integers(len(scores), size=(_RESAMPLES, len(scores)))
        low, high = np.percentile(scores[draws].mean(axis=1), [2.5, 97.5])
        return float(low), float(high)

    def metrics(self) -> dict[str, float]:
        """A row for the tracker."""
        low, high = self.interval
        return {
            "evaluate/mean": self.mean,
            "evaluate/median": self.median,
            "evaluate/low": low,
            "evaluate/high": high,
            "evaluate/games": float(len(self.episodes)),
        }


def evaluate(
    env: GamesEnv,
    q_function: QFunction,
    *,
    games: int,
    epsilon: float,
    seed: int,
    watchdog: Watchdog = USUAL,
    interrupted: Callable[[], object] = lambda: None,
    tell: Callable[[Episode], None] = lambda episode: None,
) -> Evaluation:
    """Play ``games`` whole games and score them raw.

    Which games are played does not depend on how many environments there are, nor on which of them end first.

    Args:
        env: plays them, all games anew.
        q_function: observations [n, C, H, W] uint8 -> Q-values [n, A]; asked about `ROWS` at a time.
        games: how many, at least 1.
        epsilon: probability of a random action.
        seed: of the games and of the exploration.
        watchdog: cuts games that never end.
        interrupted: asked at every step; what it says is taken for a yes where it is true.
        tell: told of every game when it is over.

    Raises:
        Abandoned: somebody interrupted.
        ConfigError: there is no game to play.
        EnvError: the environments cannot play a game to its end.
    """
    if games < 1:
        raise ConfigError(f"expected at least 1 game to evaluate, got {games}: play some")
    hall = _Hall(env, q_function, games, epsilon, seed, watchdog)
    while hall.playing:
        if interrupted():
            raise Abandoned
        for episode in hall.step():
            tell(episode)
    numbers = sorted(hall.played)
    cut = {place: hall.cut[number] for place, number in enumerate(numbers) if number in hall.cut}
    return Evaluation(tuple(hall.played[number] for number in numbers), cut)


def game_seed(seed: int, number: int) -> int:
    """The seed of game ``number`` of an evaluation, in [0, 2^31)."""
    return derive(seed, f"evaluation/game {number}") & _HIGHEST_SEED


class _Game:
    """A game that is on."""

    def __init__(self, seed: int, number: int) -> None:
        self.number = number
        self.seed = game_seed(seed, number)
        self.score, self.length, self.scored_at = 0.0, 0, 0
        self.ended = False  # at its last step, if only a life perhaps
        self._exploration = generator(seed, f"evaluation/exploration {number}")

    def choose(self, greedy: int, epsilon: float, num_actions: int) -> int:
        """The greedy action, or with probability ``epsilon`` any; it draws as many numbers either way."""
        coin = float(torch.rand((), generator=self._exploration))
        drawn = int(torch.randint(num_actions, (), generator=self._exploration))
        return drawn if coin < epsilon else greedy

    def add(self, reward: float, ended: bool) -> None:
        """Take note of a decision."""
        self.score += reward
        self.length += 1
        self.ended = ended
        if reward:
            self.scored_at = self.length


class _Hall:
    """Gives every environment the next game as soon as it has none.

    A game is known to be over by the reset that follows it, a lost life or not::

        step           t     t+1   t+2 (ignored action)
        reward         1     2     0
        ended          -     yes   -
        env.first      -     -     yes: it scored 3 in t+1 decisions; here another game begins at once

    Attributes:
        playing: the games that are on, by the environment that plays them.
        played: those that are over, by number.
        cut: why the watchdog ended some of these, by number.
    """

    def __init__(
        self, env: GamesEnv, q_function: QFunction, games: int, epsilon: float, seed: int, watchdog: Watchdog
    ) -> None:
        self._env, self._q_function = env, q_function
        self._epsilon, self._seed, self._watchdog = epsilon, seed, watchdog
        self._lost: set[int] = set()
        self._games, self._stand_ins = games, 0
        seats = env.spec.num_envs
        self._waiting = list(range(seats, games))[::-1]
        self.playing = {place: _Game(seed, place) for place in range(min(seats, games))}
        self.played: dict[int, Episode] = {}
        self.cut: dict[int, str] = {}
        env.rewind([game_seed(seed, number) for number in range(seats)])
        self._replace_others()

    def step(self) -> list[Episode]:
        """Decide and act in every game; those that it ended."""
        step = self._env.step(self._actions())
        leaving = [place for place in self.playing if self._is_over(place, step)]
        games = [self.playing.pop(place) for place in leaving]
        self._begin(leaving)
        return [self.played[game.number] for game in games if game.number in self.played]

    def _actions(self) -> IntArray:
        """Actions [N]; environments without a game take the first."""
        places, games = list(self.playing), list(self.playing.values())
        observation = self._env.observation[places]  # [n, C, H, W]
        greedy = q_values(self._q_function, observation, [game.number for game in games]).argmax(dim=1)  # [n]
        action: IntArray = np.zeros(self._env.spec.num_envs, dtype=np.int64)
        for place, game, best in zip(places, games, greedy.tolist(), strict=True):
            action[place] = game.choose(best, self._epsilon, self._env.spec.num_actions)
        return action

    def _is_over(self, place: int, step: EnvStep) -> bool:
        """Take the step into account of the game at ``place``: did it end it?"""
        game = self.playing[place]
        if self._env.first[place]:
            self._finish(game)
            return True
        terminated, frameskip = bool(step.terminated[place]), self._env.spec.frameskip
        game.add(float(step.reward[place]), terminated or bool(step.truncated[place]))
        idle = game.length - game.scored_at
        verdict = None if terminated else self._watchdog.verdict(game.length * frameskip, idle * frameskip)
        if verdict is not None:
            self.cut[game.number] = verdict
            self.played[game.number] = self._episode(game)
        return verdict is not None

    def _finish(self, game: _Game) -> None:
        """A game that began anew without an end was lost with its environment: it is played again, or else another."""
        if game.ended:
            self.played[game.number] = self._episode(game)
        elif game.number not in self._lost:
            self._lost.add(game.number)
            self._waiting.append(game.number)
        else:
            self._waiting.append(self._stand_in(game))

    def _stand_in(self, game: _Game) -> int:
        """The number of the game that is played for one that was lost twice: an exam must not fail for a bad seed."""
        number = self._games + self._stand_ins
        self._stand_ins += 1
        lost = f"game {game.number} of the evaluation (its seed is {game.seed}) was lost with its environment twice"
        if self._stand_ins > self._games:
            expected = f"expected {self._games} games to be played to their end"
            raise EnvError(f"{expected}, got too many lost ({lost}): mend the environment")
        _log.warning("%s: game %d is played instead", lost, number)
        return number

    def _episode(self, game: _Game) -> Episode:
        return Episode(game.score, game.length, game.length * self._env.spec.frameskip, game.seed)

    def _begin(self, places: Sequence[int]) -> None:
        """Give the environments at ``places`` the next games, where there are any."""
        begun = {place: _Game(self._seed, self._waiting.pop()) for place in places if self._waiting}
        self.playing |= begun
        if begun:
            self._env.begin_games({place: game.seed for place, game in begun.items()})
            self._replace_others()

    def _replace_others(self) -> None:
        """An environment that could not begin the game of a seed, and began another, has lost it."""
        seeds = self._env.seeds()
        others = [place for place, game in self.playing.items() if game.length == 0 and seeds[place] != game.seed]
        for place in others:
            self._finish(self.playing.pop(place))
        if others:
            self._begin(others)


def q_values(q_function: QFunction, observation: UInt8Array, numbers: Sequence[int]) -> Tensor:
    """Q-values [n, A] of the observations [n, C, H, W] of n games, that of game i in row i % `ROWS` of a batch.

    Games that share a row go into different batches::

        games 0 1 3 8 (ROWS 8)     batch 0    0 1 - 3 - - - -
                                   batch 1    8 - - - - - - -
    """
    rows = [number % ROWS for number in numbers]
    batches = [rows[:i].count(row) for i, row in enumerate(rows)]
    padded = np.zeros((max(batches) + 1, ROWS, *observation.shape[1:]), dtype=np.uint8)  # [batches, ROWS, C, H, W]
    padded[batches, rows] = observation
    return torch.stack([q_function(batch) for batch in padded])[batches, rows]
