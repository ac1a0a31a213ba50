"""The schedule of an evaluation's games over N environments; the games do not depend on N or on which ends first.

Game number i has its own seed and its own random numbers, and its observations always lie in the same row of a batch of
the same size. So it is the same game, bit for bit, in any number of environments: 2 games are the first 2 of 30, and 1
environment plays the same games as 16. Of environments in parts, one part steps while the network acts for the other.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from rlvision.core.action_masks import greedy_actions, mask_of, replace_illegal
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


@runtime_checkable
class InParts(Protocol):
    """Environments in parts that can step at different times, such as `rlvision.envs.split_env.SplitEnv`."""

    @property
    def parts(self) -> Sequence[SeedableEnv]:
        """Return the parts, in the order of their environments."""


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

    def choose(self, greedy: int, epsilon: float, actions: Sequence[int]) -> int:
        """Return the greedy action, or with probability ``epsilon`` a random one; always draw as many numbers."""
        coin = float(torch.rand((), generator=self._exploration))
        drawn = int(torch.randint(len(actions), (), generator=self._exploration))
        return actions[drawn] if coin < epsilon else greedy

    def add(self, reward: float, ended: bool) -> None:
        """Add the outcome of a decision."""
        self.score += reward
        self.length += 1
        self.ended = ended
        if reward:
            self.scored_at = self.length

    def episode(self, frameskip: int) -> Episode:
        """Return the game so far, at ``frameskip`` frames a decision."""
        return Episode(self.score, self.length, self.length * frameskip, self.seed)


class _Part:
    """A part of the environments, with its games in progress by environment."""

    def __init__(self, env: SeedableEnv) -> None:
        self.env = env
        self.playing: dict[int, _Game] = {}
        self.stepping = False  # whether a step is under way

    def recv(self) -> EnvStep:
        """Wait for the step under way, and return its row."""
        self.stepping = False
        return self.env.recv()


class EpisodeScheduler:
    """A schedule that gives an environment the next game as soon as its own is over.

    Only the reset that follows a game marks its end; a lost life resets nothing::

        step           t     t+1   t+2 (ignored action)
        reward         1     2     0
        ended          -     yes   -
        env.first      -     -     yes: it scored 3 in t+1 decisions; the next game begins at once

    Two parts take turns, so that the network acts for one while the other steps::

        step      0         1                    2                    3
        part 0    act ... received             | act ... received   |
        part 1            | act ... received             | act ... received

    Attributes:
        played: the games that are over, by number.
        cut: game number -> the limit that cut it.
        decisions: of all games so far.
    """

    def __init__(
        self, env: SeedableEnv, q_function: QFunction, settings: EvaluationSettings, seed: int, limits: EpisodeLimits
    ) -> None:
        self._q_function = q_function
        self._settings, self._seed, self._limits = settings, seed, limits
        self._lost: set[int] = set()
        self._stand_ins = 0
        self._waiting = list(range(env.spec.num_envs, settings.games))[::-1]
        self.played: dict[int, Episode] = {}
        self.cut: dict[int, str] = {}
        self.decisions = 0
        self._parts = [_Part(part) for part in (env.parts if isinstance(env, InParts) else (env,))]
        self._turns = cycle(self._parts)
        self._acting = next(self._turns)
        start = 0
        for part in self._parts:
            stop = start + part.env.spec.num_envs
            self._begin_first(part, range(start, stop))
            start = stop

    @property
    def playing(self) -> bool:
        """Whether a game is in progress."""
        return any(part.playing for part in self._parts)

    def step(self) -> list[Episode]:
        """Act in one part, then complete the step of the part that acted before; return the games that it ended."""
        if self._acting.playing:
            self._acting.env.send(self._actions(self._acting))
            self._acting.stepping = True
        self._acting = next(self._turns)  # the same part, if it is the only one
        return self._receive(self._acting) if self._acting.stepping else []

    def close(self) -> None:
        """Wait for the steps under way, so that the environments can be used again."""
        for part in self._parts:
            if part.stepping:
                part.recv()

    def _receive(self, part: _Part) -> list[Episode]:
        step = part.recv()
        leaving = [place for place in part.playing if self._is_over(part, place, step)]
        games = [part.playing.pop(place) for place in leaving]
        self._begin(part, leaving)
        return [self.played[game.number] for game in games if game.number in self.played]

    def _actions(self, part: _Part) -> IntArray:
        """Return the actions [N] of a part; environments without a game take the first legal one."""
        places, games, mask = list(part.playing), list(part.playing.values()), mask_of(part.env)  # mask [N, A]
        q = q_values(self._q_function, part.env.observation[places], [game.number for game in games])  # [n, A]
        greedy = greedy_actions(q, None if mask is None else mask[places])  # [n]
        action = replace_illegal(np.zeros(part.env.spec.num_envs, dtype=np.int64), mask)
        every = range(part.env.spec.num_actions)
        for place, game, best in zip(places, games, greedy.tolist(), strict=True):
            legal = every if mask is None else np.flatnonzero(mask[place]).tolist()
            action[place] = game.choose(best, self._settings.epsilon, legal)
        return action

    def _is_over(self, part: _Part, place: int, step: EnvStep) -> bool:
        """Add the step to the game at ``place``; return whether the game is over."""
        game, frameskip = part.playing[place], part.env.spec.frameskip
        if part.env.first[place]:
            self._finish(game, frameskip)
            return True
        terminated = bool(step.terminated[place])
        game.add(float(step.reward[place]), terminated or bool(step.truncated[place]))
        self.decisions += 1
        idle = game.length - game.scored_at
        reason = None if terminated else self._limits.reason_to_stop(game.length, idle, frameskip)
        if reason is not None:
            self.cut[game.number] = reason
            self.played[game.number] = game.episode(frameskip)
        return reason is not None

    def _finish(self, game: _Game, frameskip: int) -> None:
        """Record a game; play it again if its environment failed, which a reset without an end shows."""
        if game.ended:
            self.played[game.number] = game.episode(frameskip)
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

    def _begin_first(self, part: _Part, numbers: range) -> None:
        """Begin the games of these numbers, one in each environment; those past the last game are not counted."""
        part.env.rewind([game_seed(self._seed, number) for number in numbers])
        counted = {place: number for place, number in enumerate(numbers) if number < self._settings.games}
        part.playing = {place: _Game(self._seed, number) for place, number in counted.items()}
        self._replace_others(part)

    def _begin(self, part: _Part, places: Sequence[int]) -> None:
        """Give the environments at ``places`` the next games, if any are left."""
        begun = {}
        for place in places:
            if self._waiting:
                part.playing[place] = _Game(self._seed, self._next_number(part))
                begun[place] = part.playing[place].seed
        if begun:
            part.env.begin_games(begun)
            self._replace_others(part)

    def _next_number(self, part: _Part) -> int:
        """Return the first waiting game whose row is free, so that the part needs one batch; else the first of all."""
        taken = {game.number % ROWS for game in part.playing.values()}
        free = (index for index, number in reversed([*enumerate(self._waiting)]) if number % ROWS not in taken)
        return self._waiting.pop(next(free, -1))

    def _replace_others(self, part: _Part) -> None:
        """Treat a game as lost if its environment failed to begin with its seed and began another game."""
        seeds = part.env.seeds()
        others = [place for place, game in part.playing.items() if game.length == 0 and seeds[place] != game.seed]
        for place in others:
            self._finish(part.playing.pop(place), part.env.spec.frameskip)
        if others:
            self._begin(part, others)


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
