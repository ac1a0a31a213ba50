"""Scores of whole games and discounted returns, on action logs of events written by hand."""

import numpy as np
import pytest
import torch

from rlvision.core.types import EnvStep
from rlvision.learning.schedules import Constant
from rlvision.training.collector import DiscountedReturns, EpisodeStats


def rows(reward, *, terminated=(), truncated=(), first=(0,)):
    """EnvSteps of one environment; the arguments name the rows in which a flag is set."""
    return [
        EnvStep(
            observation=np.zeros((1, 1, 1, 1), np.uint8),
            action=np.zeros(1, np.int64),
            reward=np.array([value], np.float32),
            terminated=np.array([t in terminated]),
            truncated=np.array([t in truncated]),
            first=np.array([t in first]),
        )
        for t, value in enumerate(reward)
    ]


def play(keeper, steps, seeds=None):
    return [
        (t, episode)
        for t, step in enumerate(steps)
        for _, episode in keeper.add(step, (7,) if seeds is None else (seeds[t],))
    ]


def test_a_game_is_scored_raw_when_the_next_one_begins():
    steps = rows([1, 2, 0, 5, 5, 0, 0], terminated={1}, truncated={4}, first={0, 3, 6})
    games = play(EpisodeStats(1, frameskip=4), steps, seeds=[10, 10, 10, 11, 11, 11, 12])
    assert [(t, game.score, game.length, game.frames, game.seed) for t, game in games] == [
        (3, 3.0, 2, 8, 10),
        (6, 10.0, 2, 8, 11),
    ]


def test_a_lost_life_ends_no_game():
    steps = rows([1, 1, 1, 1, 0, 0], terminated={1, 3}, first={0, 5})
    assert [(game.score, game.length) for _, game in play(EpisodeStats(1, 1), steps)] == [(4.0, 4)]


def test_a_game_that_was_cut_is_dropped():
    steps = rows([1, 1, 1, 1, 0, 0], terminated={3}, first={0, 2, 5})
    assert [(game.score, game.length) for _, game in play(EpisodeStats(1, 1), steps)] == [(2.0, 2)]


def test_a_saved_scorekeeper_goes_on_in_the_middle_of_a_game():
    steps = rows([1, 2, 3, 4, 0, 0], terminated={3}, first={0, 5})
    for cut in range(1, 6):
        first, second = EpisodeStats(1, 1), EpisodeStats(1, 1)
        play(first, steps[:cut])
        second.load_state_dict(first.state_dict())
        play(first, steps[cut:])  # must not reach into the copy
        assert [game.score for _, game in play(second, steps[cut:])] == [10.0]


@pytest.mark.parametrize("transform", [None, lambda reward: reward.clamp(-1, 1)])
def test_discounted_returns_agree_with_the_definition(transform):
    gamma, reward = 0.9, [1.0, -3.0, 0.0, 2.0, 0.0, 4.0, 1.0]
    steps = rows(reward, terminated={3}, truncated={6}, first={0, 5})  # row 4 is dead
    returns = DiscountedReturns(1, Constant(gamma), transform)
    for row, step in enumerate(steps):
        returns.add(step, row)
    seen = [float(transform(torch.tensor(value))) if transform else value for value in reward]
    expected = []
    for game in (seen[0:4], seen[5:7]):
        expected += [sum(gamma**k * r for k, r in enumerate(game[t:])) for t in range(len(game))]
    assert returns.metrics()["q/discounted_return"] == pytest.approx(np.mean(expected))
    assert returns.metrics() == {}  # no game since


def test_discounted_returns_end_at_a_lost_life():
    returns = DiscountedReturns(1, Constant(0.5), None)
    for row, step in enumerate(rows([1.0, 1.0, 1.0], terminated={1, 2})):
        returns.add(step, row)
    assert returns.metrics()["q/discounted_return"] == pytest.approx((1.5 + 1.0 + 1.0) / 3)


def test_a_large_reward_is_warned_of_once_as_it_is_learned(caplog):
    returns = DiscountedReturns(1, Constant(0.5), lambda reward: reward / 4)
    for row, step in enumerate(rows([40.0, -100.0, 300.0])):
        returns.add(step, row)
    (said,) = caplog.messages
    assert "a reward of size 25 is learned from" in said
    assert "agent.reward_scale=0.04" in said
