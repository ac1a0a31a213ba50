"""Policies: their statistics, their independence, their reproducibility."""

import numpy as np
import pytest
import torch

from rlvision.core.seeding import derive, generator
from rlvision.learning.policies import EpsilonGreedy, Softmax, ladder_exponents
from rlvision.learning.schedules import Constant, Linear

GREEDY = 2
ENVS = 4_000
OBSERVATION = np.zeros((ENVS, 1, 1, 1), np.uint8)
GOES_ON = np.zeros(ENVS, np.bool_)  # no observation is a reset's


def q_function(observation):
    return torch.tensor([[0.0, 0.5, 1.0, 0.2]]).expand(len(observation), 4)


def policy(epsilon, exponents=None):
    return EpsilonGreedy(q_function, 4, epsilon, generator(3, "test"), exponents)


def test_greedy_without_exploration():
    assert set(policy(Constant(0.0)).act(OBSERVATION, GOES_ON, 0).tolist()) == {GREEDY}


def test_random_without_asking_the_network():
    def never(observation):
        raise RuntimeError("asked")

    action = EpsilonGreedy(never, 4, Constant(1.0), generator(3, "test")).act(OBSERVATION, GOES_ON, 0)
    shares = np.bincount(action, minlength=4) / ENVS
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / ENVS)


@pytest.mark.parametrize(("env_steps", "epsilon"), [(0, 1.0), (50, 0.6), (100, 0.2), (500, 0.2)])
def test_share_of_greedy_actions_follows_the_schedule(env_steps, epsilon):
    action = policy(Linear(1.0, 0.2, 100)).act(OBSERVATION, GOES_ON, env_steps)
    expected = 1 - epsilon + epsilon / 4
    assert np.mean(action == GREEDY) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / ENVS))


def test_every_environment_has_its_own_coin():
    greedy = policy(Constant(0.5)).act(OBSERVATION, GOES_ON, 0) == GREEDY
    assert 0.5 < greedy.mean() < 0.75  # one coin for all would give 1 or about 0.25


def test_ladder_spreads_epsilon_over_the_environments():
    assert ladder_exponents(8, 7.0).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert ladder_exponents(1, 7.0).tolist() == [1.0]
    exponents = torch.tensor([1.0, 8.0]).repeat(ENVS // 2)
    explores = policy(Constant(0.4), exponents).act(OBSERVATION, GOES_ON, 0) != GREEDY
    assert explores[0::2].mean() == pytest.approx(0.3, abs=0.05)
    assert explores[1::2].mean() < 0.01


def test_softmax_has_boltzmanns_proportions():
    action = Softmax(q_function, Constant(0.5), generator(3, "test")).act(OBSERVATION, GOES_ON, 0)
    expected = torch.softmax(torch.tensor([0.0, 0.5, 1.0, 0.2]) / 0.5, 0).numpy()
    assert np.abs(np.bincount(action, minlength=4) / ENVS - expected).max() < 0.035


@pytest.mark.parametrize(
    "make", [lambda: policy(Constant(0.7)), lambda: Softmax(q_function, Constant(1.0), generator(3, "x"))]
)
def test_a_saved_policy_goes_on_with_the_same_draws(make):
    first, second = make(), make()
    first.act(OBSERVATION, GOES_ON, 0)
    state = first.state_dict()
    expected = first.act(OBSERVATION, GOES_ON, 0)
    second.load_state_dict(state)
    assert (second.act(OBSERVATION, GOES_ON, 0) == expected).all()


def test_streams_differ_by_name_and_seed():
    seeds = {derive(seed, name) for seed in range(100) for name in ("a", "b", "c")}
    assert len(seeds) == 300
    assert derive(1, "a") == derive(1, "a") < 2**63
