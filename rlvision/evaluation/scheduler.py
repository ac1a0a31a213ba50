"""The schedule of an evaluation's games over N environments; the games do not depend on N or on which ends first.

Game number i has its own seed and its own random numbers, and its observations always lie in the same row of a batch of
the same size. So it is the same game, bit for bit, in any number of environments: 2 games are the first 2 of 30, and 1
environment plays the same games as 16.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rlvision.core.errors import EnvError
from rlvision.core.seeding import derive, generator
from rlvision.core.types import EnvStep, Episode, IntArray, QFunction, UInt8Array, VectorEnv
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.settings import EvaluationSettings

ROWS = 8
"""Observations in every batch, blank ones included: another batch size uses other kernels, whose last bits differ."""

_log = logging.getLogger("rlvision")
_HIGHEST_SEED = 2**31 - 1  # emulators keep it in a signed 32-bit integer


class SeedableEnv(VectorEnv, Protocol):
    """Environments that can begin games with given seeds."""

    def rewind(self, seeds: Sequence[int]) -> UInt8Array:
        """Begin a game in every environment, each by its own seed, [N]."""

    def begin_games(self, seeds: Mapping[int, int]) -> UInt8Array:
        """Begin a game by its seed in each of the given environments; the others play on."""


def game_seed(seed: int, number: int) -> int:
    """Return the seed of game ``number`` of an evaluation, in [0, 2^31)."""
    return derive(seed, f"evaluation/game {number}") & _HIGHEST_SEED


class _Game:
    """A game in progress."""

    def __init__(self, seed: int, number: int) -> None:
        self.number = number
        self.seed = game_seed(seed, number)
        self.score, self.length, self.scored_at = 0.0, 0, 0
        self.ended = False  # whether its last step ended an episode, perhaps only a life
        self._exploration = generator(seed, f"evaluation/exploration {number}")

    def choose(self, greedy: int, epsilon: float, num_actions: int) -> int:
        """Return the greedy action, or with probability ``epsilon`` a random one; always draw as many numbers."""
        coin = float(torch.rand((), generator=self._exploration))
        drawn = int(torch.randint(num_actions, (), generator=self._exploration))
        return drawn if coin < epsilon else greedy

    def add(self, reward: float, ended: bool) -> None:
        """Add the outcome of a decision."""
        self.score += reward
        self.length += 1
        self.ended = ended
        if reward:
            self.scored_at = self.length


class EpisodeScheduler:
    """A schedule that gives an environment the next game as soon as its own is over.

    Only the reset that follows a game marks its end; a lost life resets nothing::

        step           t     t+1   t+2 (ignored action)
        reward         1     2     0
        ended          -     yes   -
        env.first      -     -     yes: it scored 3 in t+1 decisions; the next game begins at once

    Attributes:
        playing: the games in progress, by environment.
        played: the games that are over, by number.
        cut: game number -> the limit that cut it.
    """

    def __init__(
        self, env: SeedableEnv, q_function: QFunction, settings: EvaluationSettings, seed: int, limits: EpisodeLimits
    ) -> None:
        self._env, self._q_function = env, q_function
        self._settings, self._seed, self._limits = settings, seed, limits
        self._lost: set[int] = set()
        self._stand_ins = 0
        num_envs, games = env.spec.num_envs, settings.games
        self._waiting = list(range(num_envs, games))[::-1]
        self.playing = {place: _Game(seed, place) for place in range(min(num_envs, games))}
        self.played: dict[int, Episode] = {}
        self.cut: dict[int, str] = {}
        env.rewind([game_seed(seed, number) for number in range(num_envs)])
        self._replace_others()

    def step(self) -> list[Episode]:
        """Make one decision in every game; return the games that this step ended."""
        step = self._env.step(self._actions())
        leaving = [place for place in self.playing if self._is_over(place, step)]
        games = [self.playing.pop(place) for place in leaving]
        self._begin(leaving)
        return [self.played[game.number] for game in games if game.number in self.played]

    def _actions(self) -> IntArray:
        """Return the actions [N]; environments without a game take the first."""
        places, games = list(self.playing), list(self.playing.values())
        observation = self._env.observation[places]  # [n, C, H, W]
        greedy = q_values(self._q_function, observation, [game.number for game in games]).argmax(dim=1)  # [n]
        action: IntArray = np.zeros(self._env.spec.num_envs, dtype=np.int64)
        for place, game, best in zip(places, games, greedy.tolist(), strict=True):
            action[place] = game.choose(best, self._settings.epsilon, self._env.spec.num_actions)
        return action

    def _is_over(self, place: int, step: EnvStep) -> bool:
        """Add the step to the game at ``place``; return whether the game is over."""
        game = self.playing[place]
        if self._env.first[place]:
            self._finish(game)
            return True
        terminated, frameskip = bool(step.terminated[place]), self._env.spec.frameskip
        game.add(float(step.reward[place]), terminated or bool(step.truncated[place]))
        idle = game.length - game.scored_at
        reason = None if terminated else self._limits.reason_to_stop(game.length * frameskip, idle * frameskip)
        if reason is not None:
            self.cut[game.number] = reason
            self.played[game.number] = self._episode(game)
        return reason is not None

    def _finish(self, game: _Game) -> None:
        """Record a game; play it again if its environment failed, which a reset without an end shows."""
        if game.ended:
            self.played[game.number] = self._episode(game)
        elif game.number not in self._lost:
            self._lost.add(game.number)
            self._waiting.append(game.number)
        else:
            self._waiting.append(self._stand_in(game))

    def _stand_in(self, game: _Game) -> int:
        """Return the number of a new game for one that was lost twice, so that a bad seed does not end it all."""
        number = self._settings.games + self._stand_ins
        self._stand_ins += 1
        lost = f"game {game.number} of the evaluation (its seed is {game.seed}) was lost with its environment twice"
        if self._stand_ins > self._settings.games:
            expected = f"expected {self._settings.games} games to be played to their end"
            raise EnvError(f"{expected}, got too many lost ({lost}): fix the environment")
        _log.warning("%s: game %d is played instead", lost, number)
        return number

    def _episode(self, game: _Game) -> Episode:
        return Episode(game.score, game.length, game.length * self._env.spec.frameskip, game.seed)

    def _begin(self, places: Sequence[int]) -> None:
        """Give the environments at ``places`` the next games, if any are left."""
        begun = {place: _Game(self._seed, self._waiting.pop()) for place in places if self._waiting}
        self.playing |= begun
        if begun:
            self._env.begin_games({place: game.seed for place, game in begun.items()})
            self._replace_others()

    def _replace_others(self) -> None:
        """Treat a game as lost if its environment failed to begin with its seed and began another game."""
        seeds = self._env.seeds()
        others = [place for place, game in self.playing.items() if game.length == 0 and seeds[place] != game.seed]
        for place in others:
            self._finish(self.playing.pop(place))
        if others:
            self._begin(others)


def q_values(q_function: QFunction, observation: UInt8Array, numbers: Sequence[int]) -> Tensor:
    """Return the Q-values [n, A] of the observations [n, C, H, W] of n games; game i lies in row i % `ROWS` of a batch.

    Games that share a row go into different batches::

        games 0 1 3 8 (ROWS 8)     batch 0    0 1 - 3 - - - -
                                   batch 1    8 - - - - - - -
    """
    rows = [number % ROWS for number in numbers]
    batches = [rows[:i].count(row) for i, row in enumerate(rows)]
    padded = np.zeros((max(batches) + 1, ROWS, *observation.shape[1:]), dtype=np.uint8)  # [batches, ROWS, C, H, W]
    padded[batches, rows] = observation
    return torch.stack([q_function(batch) for batch in padded])[batches, rows]
