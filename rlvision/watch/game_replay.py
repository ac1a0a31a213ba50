"""A game of training, played again from its tape for people to watch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from rlvision.core.errors import CheckpointError
from rlvision.core.progress import GAMES_BACK, show_steps
from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array
from rlvision.envs.game_archive import TapedGame, tape_up_to
from rlvision.envs.vector_env import TapedVectorEnv, observation_hash
from rlvision.watch.rollout import Rollout, Screen
from rlvision.watch.step import Game


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of replaying a game."""

    game: TapedGame  # as recorded
    seen: tuple[Game, ...]  # as played again; none where the viewer left before its end
    verdict: str  # whether they are the same, in words


class RecordedActions:
    """A policy that does what was done, and remembers what it saw at the end.

    ::

        decision     0   1   ...  L-1   L
        action       a0  a1  ...  a     ignored: the step that begins the next game
        observation  o0  o1  ...  o     the game's true last

    Args:
        actions: ``length + 1`` of them.
    """

    def __init__(self, actions: Sequence[int]) -> None:
        self._actions = actions
        self.last_observation = ""  # its fingerprint

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """The action [1] of decision ``env_steps``; after the tape's end, its last one."""
        end = len(self._actions) - 1
        if env_steps == end:
            self.last_observation = observation_hash(observation[0])
        return np.array([self._actions[min(env_steps, end)]], dtype=np.int64)


class Replay:
    """A recorded game as a rollout, and what came of playing it again.

    Q-values are what a network says of the game now, not what was thought when it was played.

    Args:
        game: which.
        games: all that are kept.
        env: one environment of the run's kind.
        screen: of that environment.
        q_values: observation [1, C, H, W] -> Q-values [1, A].
        max_steps: decisions after which it is cut short; None: never.

    Raises:
        CheckpointError: the beginning of its tape is not kept.
    """

    def __init__(
        self,
        game: TapedGame,
        games: Sequence[TapedGame],
        env: TapedVectorEnv,
        screen: Screen,
        q_values: Callable[[UInt8Array], FloatArray],
        *,
        max_steps: int | None = None,
    ) -> None:
        self.game = game
        self._before = tape_up_to(game, games)
        self._env, self._screen = env, screen
        self._policy = RecordedActions(game.actions)
        beyond = game.length + 1  # a game that goes on after its recorded end is no longer that game
        self.rollout = Rollout(
            env,
            screen,
            q_values,
            self._policy,
            seed=game.seed,
            max_steps=beyond if max_steps is None else min(max_steps, beyond),
            opening=self._open,
        )

    def verdict(self, seen: Sequence[Game]) -> str:
        """Whether what was seen is what was recorded, in words."""
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
        """Reset and play what is on the tape before the game; its first picture. A terminal shows how far that is."""
        self._env.rewind([seed])
        opening = self._screen.first_frame()
        with show_steps(GAMES_BACK) as tell:
            for done, action in enumerate(chain.from_iterable(game.actions for game in self._before), 1):
                step = self._env.step(np.array([action], dtype=np.int64))
                if done < self.game.start:
                    self._screen.skip(step)
                else:
                    (opening,) = self._screen.frames(step)
                tell(done, self.game.start)
        return opening


def choose(games: Sequence[TapedGame], which: str) -> TapedGame:
    """The best, worst or last game, or that of a number; of several best, the first.

    Raises:
        CheckpointError: there is none.
    """
    if not games:
        raise CheckpointError(
            "expected tapes of training games in the run folder, got none: they are kept while a run trains, unless "
            "--checkpoint.tapes=0; rlvision watch shows new games"
        )
    chosen = {
        "best": max(games, key=lambda game: game.score),
        "worst": min(games, key=lambda game: game.score),
        "last": games[-1],
        **{str(game.number): game for game in games},
    }
    if which not in chosen:
        raise CheckpointError(
            f"expected --episode as best, worst, last or a number from {games[0].number} to {games[-1].number}, "
            f"got {which!r}: rlvision replay RUN lists some"
        )
    return chosen[which]
