"""Replay a training game from its recorded actions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from rlvision.core.action_masks import mask_of, replace_illegal
from rlvision.core.errors import CheckpointError
from rlvision.core.progress import RESTORING_GAMES, show_steps
from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array
from rlvision.core.wording import as_written
from rlvision.envs.game_archive import RecordedGame, prefix_games
from rlvision.envs.split_env import ReplayableEnv
from rlvision.envs.vector_env import observation_hash
from rlvision.watch.rollout import Game, Rollout, Screen


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of replaying a game."""

    game: RecordedGame  # as recorded
    seen: tuple[Game, ...]  # as replayed; empty if the viewer left before its end
    outcome: str  # a sentence that compares the two

    def __repr__(self) -> str:
        """Return the game's number and the outcome."""
        return f"ReplayResult(game {self.game.number}: {self.outcome})"


class RecordedActions:
    """A policy that repeats recorded actions and keeps the hash of the last observation.

    ::

        decision     0   1   ...  L-1   L
        action       a0  a1  ...  a     ignored: the step that begins the next game
        observation  o0  o1  ...  o     the game's true last

    Args:
        actions: the ``length + 1`` actions of the recording.
    """

    def __init__(self, actions: Sequence[int]) -> None:
        self._actions = actions
        self.last_observation = ""  # its hash

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int, mask: BoolArray | None = None) -> IntArray:
        """Return the action [1] of decision ``env_steps``; after the recorded end, the last one.

        One that ``mask`` [1, A] does not allow is replaced by one that it does: the game is another one then.
        """
        end = len(self._actions) - 1
        if env_steps == end:
            self.last_observation = observation_hash(observation[0])
        return replace_illegal(np.array([self._actions[min(env_steps, end)]], dtype=np.int64), mask)


class GameReplay:
    """A recorded game as a rollout, compared with the recording at its end.

    The Q-values are those of the network given, not those of the network that played the game.

    Args:
        game: to replay.
        games: all recorded games that are kept.
        env: one environment of the run's kind.
        screen: of that environment.
        q_values: observation [1, C, H, W] -> Q-values [1, A].
        max_steps: decisions after which it is cut short; None: never.

    Raises:
        CheckpointError: the actions before the game were deleted.
    """

    def __init__(
        self,
        game: RecordedGame,
        games: Sequence[RecordedGame],
        env: ReplayableEnv,
        screen: Screen,
        q_values: Callable[[UInt8Array], FloatArray],
        *,
        max_steps: int | None = None,
    ) -> None:
        self.game = game
        self._before = prefix_games(game, games)
        self._env, self._screen = env, screen
        self._policy = RecordedActions(game.actions)
        beyond = game.length + 1  # enough to see that a game goes on after its recorded end
        self.rollout = Rollout(
            env,
            screen,
            q_values,
            self._policy,
            seed=game.seed,
            max_steps=beyond if max_steps is None else min(max_steps, beyond),
            opening=self._open,
        )

    def outcome(self, seen: Sequence[Game]) -> str:
        """Compare the replayed game with the recorded one, and return the result as a sentence."""
        if not seen or not (seen[0].over or seen[0].length > self.game.length):
            return "cut short: its end was not compared with the recorded one"
        recorded, now = (self.game.score, self.game.length), (seen[0].score, seen[0].length)
        if recorded != now:
            return (
                f"NOT the game of training: recorded are score {recorded[0]:g} and {recorded[1]:,} decisions, this "
                f"has {now[0]:g} and {now[1]:,}: the environment does not repeat itself, or is of another version"
            )
        if self._policy.last_observation != self.game.last_observation:
            return "the recorded score, but NOT the recorded pictures: the environment does not repeat itself exactly"
        return "the game of training: its score, length and last observation are the recorded ones"

    def _open(self, seed: int) -> UInt8Array:
        """Reset, play the recorded actions before the game, and return its first screen; a terminal shows progress."""
        self._env.rewind([seed])
        opening = self._screen.first_frame()
        with show_steps(RESTORING_GAMES) as report:
            for done, action in enumerate(chain.from_iterable(game.actions for game in self._before), 1):
                step = self._env.step(replace_illegal(np.array([action], dtype=np.int64), mask_of(self._env)))
                if done < self.game.start:
                    self._screen.skip(step)
                else:
                    (opening,) = self._screen.frames(step)
                report(done, self.game.start)
        return opening


def choose_game(games: Sequence[RecordedGame], which: str) -> RecordedGame:
    """Return the best, worst or last game, or the one with that number; of several best, the first.

    Raises:
        CheckpointError: there is no such game.
    """
    if not games:
        raise CheckpointError(
            "expected recorded training games in the run folder, got none: they are kept while a run trains, unless "
            f"{as_written('checkpoint.game_archive_mb', 0)}; rlvision watch shows new games"
        )
    chosen = {
        "best": max(games, key=lambda game: game.score),
        "worst": min(games, key=lambda game: game.score),
        "last": games[-1],
        **{str(game.number): game for game in games},
    }
    if which not in chosen:
        raise CheckpointError(
            f"expected {as_written('episode')} as best, worst, last or a number from {games[0].number} to "
            f"{games[-1].number}, got {which!r}: rlvision replay RUN lists some"
        )
    return chosen[which]
