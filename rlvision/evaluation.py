"""Evaluation: whole games, raw scores, and what they say of the agent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rlvision.acting import EpsilonGreedy, QFunction
from rlvision.collector import Scorekeeper
from rlvision.protocols import VectorEnv
from rlvision.schedules import Constant
from rlvision.seeding import derive, generator
from rlvision.types import Episode

_RESAMPLES = 10_000


class Abandoned(Exception):  # noqa: N818 - nothing went wrong
    """An evaluation was asked to stop before its games were over."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The games of one evaluation."""

    episodes: tuple[Episode, ...]

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
    env: VectorEnv,
    q_function: QFunction,
    *,
    games: int,
    epsilon: float,
    seed: int,
    interrupted: Callable[[], object] = lambda: None,
    tell: Callable[[Episode], None] = lambda episode: None,
) -> Evaluation:
    """Play ``games`` whole games and score them raw.

    Every environment plays a share fixed beforehand: taking the first games to finish would favour short ones.

    Args:
        env: started anew from ``seed``.
        q_function: observations [N, C, H, W] uint8 -> Q-values [N, A].
        games: how many, at least 1.
        epsilon: probability of a random action.
        seed: of the games and of the exploration.
        interrupted: asked at every step; what it says is taken for a yes where it is true.
        tell: told of every game that counts when it is over.

    Raises:
        Abandoned: somebody interrupted.
    """
    spec = env.spec
    policy = EpsilonGreedy(q_function, spec.num_actions, Constant(epsilon), generator(seed, "evaluation/exploration"))
    keeper = Scorekeeper(spec.num_envs, spec.frameskip)
    played: list[list[Episode]] = [[] for _ in range(spec.num_envs)]
    shares = fair_shares(games, spec.num_envs)
    observation = env.reset(derive(seed, "evaluation/games"))
    while any(len(done) < share for done, share in zip(played, shares, strict=True)):
        if interrupted():
            raise Abandoned
        step = env.step(policy.act(observation, 0))
        observation = env.observation
        for i, episode in keeper.add(step, env.seeds()):
            if len(played[i]) < shares[i]:
                played[i].append(episode)
                tell(episode)
    return Evaluation(tuple(episode for done in played for episode in done))


def fair_shares(games: int, num_envs: int) -> Sequence[int]:
    """How many of ``games`` each environment plays: [3, 3, 2] for 8 games of 3 environments."""
    return [games // num_envs + (i < games % num_envs) for i in range(num_envs)]
