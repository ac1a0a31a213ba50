"""How many batches, and of what: exact ratios, and frequencies within statistical bounds at fixed seeds."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from rlvision.replay.buffer import ReplayRatio


@pytest.fixture
def filled(make_replay, make_history, frame_size):
    """A replay after so many rows of eventful games."""

    def told(rows, *, num_envs=3, **changes):
        settings = {"capacity": 40 * num_envs, "stack": 3, "n_step": 2, "gamma": 0.5, "batch_size": 4}
        replay = make_replay(num_envs=num_envs, frame_shape=(1, *frame_size), **settings | changes)
        history = make_history(num_envs, 1, 3)
        events = np.random.default_rng(0)
        for _ in range(rows):
            replay.add(history.step(events.integers(0, 235, num_envs).tolist()))
        return replay

    return told


ALWAYS = {"replay/size", "replay/n_step", "replay/gamma"}
"""Names of what every replay says."""


def priorities(alpha=1.0, beta=0.0, epsilon=1e-6):
    return {"prioritised": True, "alpha": alpha, "beta": beta, "priority_epsilon": epsilon}


def starts(replay):
    return torch.from_numpy(replay._starts.at(np.arange(replay.size)))


def chi_square(index, expected):
    """Sum of (observed - expected)² / expected over starts; expected: index -> count."""
    observed = torch.bincount(index, minlength=max(expected) + 1)
    return sum((int(observed[i]) - count) ** 2 / count for i, count in expected.items())


def bound(degrees):
    """Five standard deviations above the mean of chi-square."""
    return degrees + 5 * (2 * degrees) ** 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("rows", [25, 90])
def test_every_start_is_as_likely(filled, seed, rows):
    replay = filled(rows, seed=seed, batch_size=50_000)
    index = replay.sample().index
    expected = dict.fromkeys(starts(replay).tolist(), 50_000 / replay.size)
    assert set(index.tolist()) == set(expected)
    assert chi_square(index, expected) < bound(replay.size - 1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_starts_are_drawn_in_proportion_to_the_power_of_their_priority(filled, seed):
    replay = filled(90, seed=seed, batch_size=50_000, **priorities(alpha=0.5, epsilon=0.5))
    index = starts(replay)
    replay.update_priorities(index, index.float() % 10)
    mass = (index.double() % 10 + 0.5) ** 0.5
    expected = dict(zip(index.tolist(), (50_000 * mass / mass.sum()).tolist(), strict=True))
    assert chi_square(replay.sample().index, expected) < bound(replay.size - 1)


def test_each_stratum_gives_one(filled):
    replay = filled(90, **priorities())
    replay._batch_size = replay.size  # as many strata as starts, all alike
    assert sorted(replay.sample().index.tolist()) == sorted(starts(replay).tolist())


def test_importance_weights_by_hand(filled):
    beta = [0.5]
    replay = filled(90, batch_size=256, **priorities(alpha=2.0, beta=lambda _: beta[0], epsilon=0.5))
    index = starts(replay)
    replay.update_priorities(index, torch.where(index % 2 == 0, 0.5, 2.5))  # masses (0.5+0.5)² = 1, (2.5+0.5)² = 9
    batch = replay.sample()
    even = batch.index % 2 == 0
    assert even.any()
    assert not even.all()
    torch.testing.assert_close(batch.importance_weight, torch.where(even, 1.0, 1 / 3))  # (1/9)^0.5
    beta[0] = 1.0
    assert sorted(set(replay.sample().importance_weight.tolist())) == pytest.approx([1 / 9, 1.0])


def test_uniform_batches_weigh_one(filled):
    assert filled(30).sample().importance_weight.tolist() == [1.0] * 4


def test_priorities_told_between_two_batches_count_in_the_second(filled):
    replay = filled(30, samples_per_env_step=1, **priorities())
    batches = replay.batches()
    first = next(batches)
    replay.update_priorities(starts(replay), torch.zeros(replay.size))
    replay.update_priorities(first.index[:1], torch.tensor([1e6]))
    assert next(batches).index.tolist() == [first.index[0]] * 4


@pytest.mark.parametrize("priority", [{}, priorities(beta=0.4)])
def test_one_seed_gives_one_run(filled, priority):
    def run(seed):
        replay = filled(60, seed=seed, **priority)
        return [batch.index.tolist() for batch in replay.batches()]

    assert run(0) == run(0)
    assert run(0) != run(1)


@pytest.mark.parametrize("num_envs", [1, 3, 8, 128])
@pytest.mark.parametrize("ratio", [0, 0.25, 1, 8, 0.3333, Fraction(1, 3)])
def test_the_ratio_is_exact_for_any_number_of_environments(num_envs, ratio):
    exact = Fraction(str(ratio))
    debt = ReplayRatio(ratio, batch_size=32, learning_starts=1000)
    for env_steps in range(num_envs, 200_000, num_envs * 7):
        due = debt.due(env_steps)
        debt.made += due
        due = exact * (env_steps - 1000) / 32
        assert debt.made == (due.numerator // due.denominator if due > 0 else 0)


def test_no_debt_is_lost_in_a_very_long_run():
    assert ReplayRatio(0.1, batch_size=1, learning_starts=0).due(10**18 + 10) == 10**17 + 1


def test_batches_are_made_once_when_they_are_owed(filled, make_history):
    replay = filled(0, samples_per_env_step=2, batch_size=4, learning_starts=30)
    history, made = make_history(3, 1, 3), []
    for _ in range(20):
        replay.add(history.step([0, 0, 0]))
        made.append(len(list(replay.batches())))
    assert made == [0] * 10 + [1, 2] * 5  # 3 env steps a row are 1.5 batches
    assert len(list(replay.batches())) == 0


def test_without_a_start_there_is_no_batch_but_the_debt_stays(filled, make_history):
    replay = filled(0, num_envs=1, samples_per_env_step=4)
    history = make_history(1, 1, 3)
    counts = []
    for _ in range(4):
        replay.add(history.step([0]))
        counts.append(len(list(replay.batches())))
    assert counts == [0, 0, 3, 1]


def test_what_is_said_of_priorities_is_what_was_told(filled):
    replay = filled(30, **priorities(alpha=0.5, beta=0.25, epsilon=0.5))
    index = starts(replay)
    told = index.float() % 10
    replay.update_priorities(index, told)
    metrics = replay.metrics()
    assert metrics["replay/size"] == len(index)
    assert metrics["replay/beta"] == 0.25
    assert metrics["replay/priority_mean"] == pytest.approx(float(told.mean()) + 0.5, rel=1e-6)
    assert metrics["replay/priority_max"] == pytest.approx(float(told.max()) + 0.5, rel=1e-6)
    assert filled(30, **priorities(alpha=0.0)).metrics().keys() == {*ALWAYS, "replay/beta"}
    assert filled(30).metrics().keys() == ALWAYS
