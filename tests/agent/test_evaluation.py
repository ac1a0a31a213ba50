"""Evaluation: whole games, raw scores, shares fixed beforehand, the same every time, and an honest interval."""

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rlvision.envs.counting import game_length, read, reward
from rlvision.envs.make import make
from rlvision.evaluation import Abandoned, Evaluation, evaluate, fair_shares
from rlvision.protocols import EnvSpec
from rlvision.types import EnvStep, Episode, IntArray, UInt8Array

ACTIONS = 4
PATIENCE = 1_000
Game = tuple[Sequence[float], str]
"""Rewards, and how they end: "T" terminated, "t" truncated; a life is lost at every reward of 0.5."""


class ScriptedEnv:
    """Plays a script of games in every environment, then its last game for ever; notes what it was asked."""

    def __init__(self, *scripts: Sequence[Game]) -> None:
        self.spec = EnvSpec(len(scripts), (1, 1, 1), 1, tuple("abcd"), frameskip=3)
        self._scripts = scripts
        self.resets: list[int] = []
        self.actions: list[list[int]] = []

    @property
    def observation(self) -> UInt8Array:
        return np.full((len(self._scripts), 1, 1, 1), len(self.actions) % 256, np.uint8)

    def reset(self, seed: int) -> UInt8Array:
        self.resets.append(seed)
        self._rows = [rows(script) for script in self._scripts]
        return self.observation

    def step(self, action: IntArray) -> EnvStep:
        if len(self.actions) == PATIENCE:
            raise RuntimeError("the evaluation does not end")
        self.actions.append(action.tolist())
        columns = list(zip(*(next(rows) for rows in self._rows), strict=True))
        value, terminated, truncated, first = (np.array(column) for column in columns)
        return EnvStep(self.observation, action, value.astype(np.float32), terminated, truncated, first)

    def seeds(self) -> tuple[int, ...]:
        return tuple(range(len(self._scripts)))


def rows(script: Sequence[Game]) -> Any:
    """(reward, terminated, truncated, first) for ever; an ended game's last observation makes a row of its own."""
    for rewards, ending in chain(script, repeat(script[-1])):
        for t, value in enumerate(rewards):
            last = t == len(rewards) - 1
            yield value, (last and ending == "T") or value == 0.5, last and ending == "t", t == 0
        yield 0.0, False, False, False


def q_function(observation: UInt8Array) -> Tensor:
    """The best action follows the time."""
    return torch.eye(ACTIONS)[torch.from_numpy(observation[:, 0, 0, 0]).long() % ACTIONS]


def played(env: Any, games: int, **settings: Any) -> Evaluation:
    return evaluate(env, q_function, **{"games": games, "epsilon": 0.0, "seed": 5, **settings})


def scores(*values: float) -> Evaluation:
    return Evaluation(tuple(Episode(value, 1, 1, 0) for value in values))


# Shares.


@pytest.mark.parametrize(
    ("games", "num_envs", "shares"),
    [(8, 3, [3, 3, 2]), (2, 4, [1, 1, 0, 0]), (6, 3, [2, 2, 2]), (1, 1, [1]), (5, 1, [5])],
)
def test_fair_shares(games: int, num_envs: int, shares: list[int]) -> None:
    assert fair_shares(games, num_envs) == shares


def test_shares_add_up_and_differ_by_one_at_most() -> None:
    for games in range(1, 30):
        for num_envs in range(1, 12):
            shares = fair_shares(games, num_envs)
            assert (len(shares), sum(shares)) == (num_envs, games)
            assert max(shares) - min(shares) <= 1


def test_short_games_are_not_favoured() -> None:
    short, long = ([1.0], "T"), ([1.0] * 40, "T")
    env = ScriptedEnv([short], [long])
    assert played(env, 4).scores == [1.0, 1.0, 40.0, 40.0]  # the first four to finish would all be short
    assert len(env.actions) == 2 * 41 + 1  # to the row that proves the last game over, and no further


# Scores.


def test_scores_are_raw_sums_of_whole_games() -> None:
    """Lost lives end no game, rewards are not clipped, and a truncated game counts like any other."""
    env = ScriptedEnv([([9.0, 0.5, -3.0, 0.5, 100.0], "T"), ([0.5, 0.5, 7.0], "t")], [([-21.0, 0.25], "t")])
    games = played(env, 3).episodes
    assert [(game.score, game.length, game.frames, game.seed) for game in games] == [
        (107.0, 5, 15, 0),
        (8.0, 3, 9, 0),
        (-20.75, 2, 6, 1),
    ]


def test_environments_without_a_share_are_played_along_and_left_out() -> None:
    env = ScriptedEnv([([1.0] * 9, "T")], [([2.0], "T")], [([3.0], "T")])
    assert played(env, 2).scores == [9.0, 2.0]


def counting(num_envs: int, **settings: Any) -> Any:
    return make(
        "rlvision.envs.counting:CountingEnv",
        num_envs,
        height=None,
        width=None,
        stack=2,
        kwargs={"lengths": (5, 1, 9), "ending": "alternate"},
        **settings,
    )


@pytest.mark.parametrize("num_envs", [1, 3])
def test_real_games_are_the_first_ones_and_never_cut(num_envs: int) -> None:
    """The pictures say what was played: in each environment the first games after the reset, from start to end."""
    env, seen = counting(num_envs), [[] for _ in range(num_envs)]

    def watching(observation: UInt8Array) -> Tensor:
        for i, frames in enumerate(observation):
            seen[i].append(read(frames[-1:]))
        return torch.zeros(num_envs, ACTIONS)

    games = evaluate(env, watching, games=7, epsilon=0.0, seed=3).episodes
    env.close()
    expected = []
    for pictures, share in zip(seen, fair_shares(7, num_envs), strict=True):
        expected += list(dict.fromkeys(game for game, _ in pictures))[:share]
    assert [game.seed for game in games] == expected
    assert len(set(expected)) == 7
    for game in games:
        length = game_length(game.seed, (5, 1, 9))
        assert (game.length, game.frames) == (length, length)
        assert game.score == sum(reward(game.seed, step) for step in range(1, length + 1))
        pictures = [step for row in seen for number, step in row if number == game.seed]
        assert pictures == list(range(length + 1))
    assert {game.length for game in games} == {1, 5, 9}
    assert {game.seed % 2 for game in games} == {0, 1}  # some terminated, some were truncated


# The same every time.


def test_games_and_exploration_repeat_with_the_seed_and_change_with_it() -> None:
    runs = {}
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        env = ScriptedEnv([([1.0] * 30, "T")], [([1.0] * 30, "T")])
        played(env, 2, epsilon=0.5, seed=seed)
        runs[name] = (env.resets, env.actions)
    assert runs["one"] == runs["again"]
    assert runs["one"][0] != runs["other"][0]
    assert runs["one"][1] != runs["other"][1]


def test_an_environment_used_before_starts_anew() -> None:
    env = counting(2)
    first = played(env, 3, epsilon=0.3)
    other = played(env, 3, epsilon=0.3, seed=6)
    assert played(env, 3, epsilon=0.3) == first
    assert {game.seed for game in other.episodes}.isdisjoint({game.seed for game in first.episodes})
    env.close()


@pytest.mark.parametrize(("epsilon", "greedy"), [(0.0, 1.0), (1.0, 0.25)])
def test_epsilon_is_the_share_of_random_actions(epsilon: float, greedy: float) -> None:
    env = ScriptedEnv([([1.0] * 400, "T")], [([1.0] * 400, "T")])
    played(env, 2, epsilon=epsilon)
    best = np.arange(len(env.actions))[:, None] % 256 % ACTIONS
    share = (np.array(env.actions) == best).mean()
    assert share == pytest.approx(greedy, abs=4 * np.sqrt(greedy * (1 - greedy) / (2 * len(env.actions))))


# Who is told, and who may stop it.


def test_exactly_the_games_that_count_are_told_when_they_are_over() -> None:
    told: list[tuple[int, float]] = []
    env = ScriptedEnv([([1.0], "T")], [([2.0] * 3, "T"), ([2.0] * 4, "T")], [([5.0], "T")])
    evaluation = played(env, 5, tell=lambda episode: told.append((len(env.actions), episode.score)))
    # a game of L rewards is known to be over by row L + 2: the last observation, then the next one's first
    assert told == [(3, 1.0), (3, 5.0), (5, 1.0), (5, 6.0), (10, 8.0)]
    assert sorted(score for _, score in told) == sorted(evaluation.scores)


def test_an_interrupted_evaluation_is_abandoned_before_its_next_step() -> None:
    env, told = ScriptedEnv([([1.0], "T")]), []
    with pytest.raises(Abandoned):
        played(env, 10, tell=told.append, interrupted=lambda: len(env.actions) == 6)
    assert len(env.actions) == 6
    assert len(told) == 2


def test_what_is_not_true_interrupts_nothing() -> None:
    assert played(ScriptedEnv([([1.0], "T")]), 2, interrupted=lambda: 0).scores == [1.0, 1.0]


# What the scores say.


def test_mean_median_and_metrics() -> None:
    evaluation = scores(-21.0, 3.0, 4.0, 30.0)
    low, high = evaluation.interval
    assert evaluation.metrics() == {
        "evaluate/mean": 4.0,
        "evaluate/median": 3.5,
        "evaluate/low": low,
        "evaluate/high": high,
        "evaluate/games": 4.0,
    }


def test_the_interval_is_a_naive_bootstraps() -> None:
    values = np.random.default_rng(1).exponential(10, size=25)
    naive = np.random.default_rng(7)
    means = sorted(np.mean([values[naive.integers(25)] for _ in values]) for _ in range(4_000))
    low, high = scores(*values).interval
    assert low < values.mean() < high
    width = means[3_900] - means[99]
    assert low == pytest.approx(means[99], abs=0.05 * width)
    assert high == pytest.approx(means[3_900], abs=0.05 * width)
    assert scores(*values).interval == (low, high)  # always the same resamples


def test_two_games_of_zero_and_one_by_hand() -> None:
    """Means of resamples are 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4: both tails are wider than 2.5 %."""
    assert scores(0.0, 1.0).interval == (0.0, 1.0)


@pytest.mark.parametrize("values", [[7.0], [-3.0] * 5])
def test_equal_scores_leave_no_interval(values: list[float]) -> None:
    assert scores(*values).interval == (values[0], values[0])
