"""Policies: their statistics, their independence, their reproducibility."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from rlvision.core.devices import make_autocast
from rlvision.core.seeding import derive, generator
from rlvision.core.types import EnvSpec
from rlvision.learning.policies import (
    LONGEST,
    EpsilonGreedy,
    NoisyGreedy,
    PersistentEpsilonGreedy,
    Softmax,
    ladder_exponents,
    make_policy,
    make_q_function,
)
from rlvision.learning.schedules import Constant, Linear, exploration_schedule
from rlvision.learning.settings import ExplorationSettings
from rlvision.nn.heads import LinearHead
from rlvision.nn.noisy import resample_noise
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineTargetActor

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


# Random actions that last.


def persistent(epsilon, exponent=2.0, q=q_function, seed=3, num_envs=ENVS):
    spec = EnvSpec(num_envs, (1, 1, 1), 1, tuple("abcd"), 1)
    return PersistentEpsilonGreedy(q, spec, epsilon, exponent, generator(seed, "test"))


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
def test_durations_of_random_actions_have_zetas_proportions(exponent):
    explorer = persistent(Constant(1.0), exponent)
    explorer.act(OBSERVATION, GOES_ON, 0)
    duration = explorer._left.numpy() + 1  # one of them is over
    share = np.arange(1, LONGEST + 1) ** -exponent
    share /= share.sum()
    expected = ENVS * np.append(share[:6], share[6:].sum())
    observed = np.bincount(np.minimum(duration, 7), minlength=8)[1:]
    assert np.square(observed - expected) @ (1 / expected) < 6 + 5 * np.sqrt(2 * 6)


def test_a_random_action_is_repeated_as_long_as_it_lasts_and_then_the_greedy_one_is_chosen():
    coins = {0: 1.0}
    explorer = persistent(lambda env_steps: coins.get(env_steps, 0.0))
    rows = [explorer.act(OBSERVATION, GOES_ON, env_steps) for env_steps in range(8)]
    duration = persistent(Constant(1.0))
    duration.act(OBSERVATION, GOES_ON, 0)
    left = duration._left.numpy()
    for env_steps, row in enumerate(rows):
        lasts = left >= env_steps
        assert (row[lasts] == rows[0][lasts]).all()
        assert (row[~lasts] == GREEDY).all()
    assert 0.5 < (left == 0).mean() < 0.7  # 6 / π² of the durations are 1


def test_a_coin_is_flipped_only_where_nothing_lasts():
    """So the share of decisions in which a random action begins is epsilon of those without one."""
    explorer = persistent(Constant(0.2))
    begins = waits = 0
    for env_steps in range(30):
        before = explorer._left.numpy().copy() if env_steps else np.zeros(ENVS, np.int64)
        state = explorer._generator.get_state()
        explorer.act(OBSERVATION, GOES_ON, env_steps)
        coin = torch.rand(ENVS, generator=torch.Generator().set_state(state)).numpy() < 0.2
        free = before == 0
        began = free & coin
        assert (explorer._left.numpy()[~free] == before[~free] - 1).all()
        begins, waits = begins + began.sum(), waits + free.sum()
    assert begins / waits == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / waits))


def test_a_new_game_ends_what_was_repeated():
    coins = {0: 1.0}
    explorer = persistent(lambda env_steps: coins.get(env_steps, 0.0), exponent=1.01)  # most last for long
    explorer.act(OBSERVATION, GOES_ON, 0)
    begins = np.arange(ENVS) % 2 == 0
    lasting = explorer._left.numpy() > 0
    kept = explorer._action.numpy().copy()
    action = explorer.act(OBSERVATION, begins, 1)
    assert (action[begins] == GREEDY).all()
    assert (action[lasting & ~begins] == kept[lasting & ~begins]).all()
    assert (explorer._left.numpy()[begins] == 0).all()
    assert (lasting & ~begins).sum() > ENVS / 4
    again = persistent(Constant(1.0))
    again.act(OBSERVATION, GOES_ON, 0)
    shares = np.bincount(again.act(OBSERVATION, ~GOES_ON, 1), minlength=4) / ENVS
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / ENVS)  # where epsilon is 1, another begins


def test_the_network_is_asked_only_where_an_action_is_greedy():
    def never(observation):
        raise RuntimeError("asked")

    persistent(Constant(1.0), q=never).act(OBSERVATION, GOES_ON, 0)


def test_what_is_repeated_travels_with_the_policy():
    first, second = (persistent(Constant(0.3), 1.3, seed=seed) for seed in (3, 4))
    for env_steps in range(5):
        first.act(OBSERVATION, GOES_ON, env_steps)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert (first._left > 0).any()
    for env_steps in range(5, 15):
        begins = np.arange(ENVS) % 7 == env_steps % 7
        one, other = (explorer.act(OBSERVATION, begins, env_steps) for explorer in (first, second))
        assert (one == other).all()


def test_actions_that_were_returned_are_not_written_to_again():
    explorer = persistent(Constant(1.0), 1.01)
    action = explorer.act(OBSERVATION, GOES_ON, 0)
    kept = action.copy()
    for env_steps in range(1, 4):
        explorer.act(OBSERVATION, ~GOES_ON, env_steps)
    assert (action == kept).all()


# Noise.


def noisy_views(seed=0):
    torch.manual_seed(0)
    return OnlineTargetActor(QNetwork(Pixels(), LinearHead(6, 4, noisy=True)), generator(seed, "noise"))


class Pixels(nn.Module):
    """The pixels themselves."""

    features = 6

    def forward(self, observation):
        return observation.flatten(1)


SPEC = EnvSpec(2, (1, 2, 3), 1, ("a", "b", "c", "d"), 1)
PIXELS = np.random.default_rng(0).integers(256, size=(ENVS, 1, 2, 3), dtype=np.uint8)


def policy_of(kind, networks=None, spec=SPEC, **settings):
    settings = ExplorationSettings(kind=kind, start=0.5, end=0.1, decay_env_steps=10, **settings)
    schedule = exploration_schedule(settings, 100)
    autocast = make_autocast("float32", torch.device("cpu"))
    q_function_of = lambda view: make_q_function(view, torch.device("cpu"), autocast)  # noqa: E731
    return make_policy(settings, schedule, networks or noisy_views(), spec, q_function_of, generator(3, "exploration"))


def test_a_noisy_policy_takes_the_greedy_action_of_new_noise_at_every_step():
    networks = noisy_views()
    explorer, twin = policy_of("noisy", networks), noisy_views()
    draws, rows = generator(3, "exploration"), []
    for env_steps in range(3):
        resample_noise(twin.explorer, draws)
        with torch.no_grad():
            expected = twin.explorer(torch.from_numpy(PIXELS)).q_values.argmax(1).numpy()
        rows.append(explorer.act(PIXELS, GOES_ON, env_steps))
        assert (rows[-1] == expected).all()
    assert not (rows[0] == rows[1]).all()
    assert explorer.metrics(0) == {}


def test_a_saved_noisy_policy_draws_the_same_noise():
    first, second = policy_of("noisy"), policy_of("noisy")
    first.act(PIXELS, GOES_ON, 0)
    second.load_state_dict(first.state_dict())
    assert (first.act(PIXELS, GOES_ON, 1) == second.act(PIXELS, GOES_ON, 1)).all()


@pytest.mark.parametrize(
    ("kind", "made", "said"),
    [
        ("epsilon_greedy", EpsilonGreedy, {"policy/epsilon": 0.3}),
        ("ladder", EpsilonGreedy, {"policy/epsilon": (0.3 + 0.3**8) / 2}),
        ("persistent", PersistentEpsilonGreedy, {"policy/epsilon": 0.3}),
        ("softmax", Softmax, {"policy/temperature": 0.3}),
        ("noisy", NoisyGreedy, {}),
    ],
)
def test_a_policy_is_that_of_its_name_and_says_where_its_schedule_stands(kind, made, said):
    explorer = policy_of(kind)
    assert type(explorer) is made
    assert explorer.metrics(5) == pytest.approx(said)


def test_only_noisy_exploration_acts_by_noise():
    """Else the network that acts has none, though the one that learns has."""
    networks = noisy_views()
    greedy = policy_of("epsilon_greedy", networks)
    networks.resample_noise()
    resample_noise(networks.explorer, generator(1, "x"))
    with torch.no_grad():
        expected = networks.actor(torch.from_numpy(PIXELS)).q_values
    assert torch.equal(greedy._q_function(PIXELS), expected)
    assert not torch.equal(policy_of("noisy", networks)._q_function(PIXELS), expected)


def test_the_exponent_of_durations_is_the_setting():
    short, long = (
        policy_of("persistent", spec=replace(SPEC, num_envs=ENVS), persistence=exponent) for exponent in (9.0, 1.01)
    )
    for explorer in (short, long):
        explorer._epsilon = Constant(1.0)
        explorer.act(PIXELS, GOES_ON, 0)
    assert (short._left == 0).float().mean() > 0.99
    assert (long._left == 0).float().mean() < 0.5


def test_a_part_acts_by_its_own_rungs_of_the_ladder():
    """Half the environments explore always, and half never."""
    exponents = torch.cat([torch.zeros(ENVS // 2), torch.full((ENVS // 2,), 1000.0)])
    acting = policy(Constant(0.5), exponents)
    parts = slice(0, ENVS // 2), slice(ENVS // 2, ENVS)
    front, back = (acting.act(OBSERVATION[part], GOES_ON[part], 0, part) for part in parts)
    assert len(set(front.tolist())) == 4
    assert set(back.tolist()) == {GREEDY}


def test_each_part_repeats_its_own_actions():
    """The exponent is so near 1 that random actions last, and they begin in the first row alone."""
    acting, parts = persistent(Linear(1.0, 0.0, 1), 1.0001, seed=2, num_envs=4), (slice(0, 2), slice(2, 4))
    rows = [[acting.act(OBSERVATION[part], GOES_ON[part], row, part).tolist() for part in parts] for row in range(3)]
    assert rows[0] == rows[1] == rows[2]
    assert GREEDY not in rows[0][0] + rows[0][1]
    assert rows[0][0] != rows[0][1]
