"""The rollout memory: its λ-returns by hand and by a naive twin, its minibatches, and its state."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlvision.core.errors import CheckpointError
from rlvision.core.types import EnvSpec, EnvStep, QOutput, Transition
from rlvision.learning.losses import lambda_returns
from rlvision.learning.registry import find_agent
from rlvision.learning.rollout import RecordingPolicy, RolloutBuffer, rollout_bytes
from rlvision.learning.settings import RolloutSettings

STORED = Path(__file__).parent / "stored"
NUM_ENVS, GAMMA, LAMBDA = 2, 0.9, 0.6
SPEC = EnvSpec(NUM_ENVS, (1, 2, 3), 1, ("LEFT", "RIGHT"), 1)


def settings(**changed) -> RolloutSettings:
    usual = {"gamma": GAMMA, "return_lambda": LAMBDA, "rollout_steps": 4, "epochs": 1, "batch_size": 4}
    return RolloutSettings(name="pqn", **{**usual, **changed})


def row(number: int, reward=(0.0, 0.0), *, terminated=(), truncated=(), first=()) -> EnvStep:
    """A row whose pixels and actions tell its number; the flags name environments."""
    flags = ([index in named for index in range(NUM_ENVS)] for named in (terminated, truncated, first))
    pixels = np.array([[10 * number], [10 * number + 1]], np.uint8)
    return EnvStep(
        np.broadcast_to(pixels[:, :, None, None], (NUM_ENVS, 1, 2, 3)).copy(),
        np.array([number % 2, 1 - number % 2]),
        np.array(reward, np.float32),
        *map(np.array, flags),
    )


def rollout(rows, values, seed=0, transform=None, **changed) -> RolloutBuffer:
    """A rollout of rows, in whose states the policy had these values [N]."""
    taken = iter(torch.tensor(values, dtype=torch.float32))
    memory = RolloutBuffer(
        settings(**changed),
        SPEC,
        take_values=lambda: next(taken),
        generator=torch.Generator().manual_seed(seed),
        reward_transform=transform,
    )
    for step in rows:
        memory.add(step)
    return memory


def test_returns_worked_out_by_hand():
    """One environment terminates at its third row, the other is truncated there; both begin again two rows later."""
    rows = [
        row(0, (1, 1)),
        row(1, (2, 2)),
        row(2, (4, 4), terminated=[0], truncated=[1]),
        row(3),
        row(4, (8, 8), first=[0, 1]),
    ]
    memory = rollout(rows, [[50, 50], [10, 10], [20, 20], [30, 30], [40, 40]])
    returns, weight = memory.returns()
    third = (4, 4 + 0.9 * 30)
    second = [2 + 0.9 * (0.4 * 20 + 0.6 * g) for g in third]
    first = [1 + 0.9 * (0.4 * 10 + 0.6 * g) for g in second]
    assert returns[0].tolist() == pytest.approx(first)
    assert returns[1].tolist() == pytest.approx(second)
    assert returns[2].tolist() == pytest.approx(third)
    assert weight.tolist() == [[1, 1], [1, 1], [1, 1], [0, 0]]
    assert returns[3].tolist() == [30, 30]  # not learned from: its own value, so that its error is small


def test_the_last_return_of_a_rollout_ends_with_the_value_of_the_row_after_it():
    memory = rollout([row(number, (1, 2)) for number in range(3)], [[5, 6], [7, 8], [9, 10]], rollout_steps=2)
    returns, weight = memory.returns()
    last = [1 + 0.9 * 9, 2 + 0.9 * 10]
    assert returns[1].tolist() == pytest.approx(last)
    assert returns[0].tolist() == pytest.approx(
        [1 + 0.9 * (0.4 * 7 + 0.6 * last[0]), 2 + 0.9 * (0.4 * 8 + 0.6 * last[1])]
    )
    assert weight.all()


def test_a_lost_life_terminates_and_the_game_goes_on():
    rows = [row(0, (1, 0)), row(1, (2, 0), terminated=[0]), row(2, (4, 0)), row(3), row(4)]
    returns, weight = rollout(rows, [[7, 0]] * 5).returns()
    assert returns[1, 0] == 2
    assert returns[0, 0] == pytest.approx(1 + 0.9 * (0.4 * 7 + 0.6 * 2))
    assert weight.all()


def test_a_game_that_was_lost_without_an_end_starts_no_transition():
    """Row 2 is a reset's although no row before it ended: an environment was replaced."""
    rows = [row(0, (1, 0)), row(1, (2, 0)), row(2, first=[0]), row(3), row(4)]
    returns, weight = rollout(rows, [[7, 0]] * 5).returns()
    assert weight[:, 0].tolist() == [1, 0, 1, 1]
    assert returns[0, 0] == pytest.approx(1 + 0.9 * 7)


def test_rewards_are_transformed_and_gamma_and_lambda_act():
    rows = [row(number, (10, -10)) for number in range(3)]
    short = {"rollout_steps": 2, "gamma": 0.5}
    memory = rollout(rows, [[5, 5]] * 3, **short, return_lambda=0, transform=lambda reward: reward.clamp(-1, 1))
    assert memory.returns()[0].tolist() == [[3.5, 1.5], [3.5, 1.5]]
    memory = rollout(rows, [[5, 5]] * 3, **short, return_lambda=1, transform=lambda reward: reward / 10)
    assert memory.returns()[0].tolist() == [[1 + 0.5 * (1 + 2.5), -1 + 0.5 * (-1 + 2.5)], [3.5, 1.5]]


def naive(reward, terminated, first, value, gamma, lambda_):
    """The λ-return of each row as the mean of all its n-step returns, weighted by (1 - λ) λ^(n - 1)."""
    steps = len(reward)
    returns = []
    for t in range(steps):
        total, weight, discounted, factor = 0.0, 1.0, 0.0, 1.0
        for k in range(t, steps):
            discounted += factor * reward[k]
            factor *= 0.0 if terminated[k] else gamma
            n_step = discounted + factor * value[k + 1]
            follows = k + 1 < steps and not first[k + 2] and not terminated[k]
            if not follows:
                total += weight * n_step
                break
            total += weight * (1 - lambda_) * n_step
            weight *= lambda_
        returns.append(total)
    return returns


@pytest.mark.parametrize("seed", range(30))
def test_returns_equal_the_naive_twin(seed):
    draws = np.random.default_rng(seed)
    steps, lambda_, gamma = int(draws.integers(1, 12)), float(draws.random()), float(draws.random())
    ends, rows, values = [[0, 0], [0, 0]], [], draws.normal(size=(steps + 1, NUM_ENVS))
    for number in range(steps + 1):
        first = [env for env in range(NUM_ENVS) if ends[-2][env]]
        may_end = [env for env in range(NUM_ENVS) if not ends[-1][env]]
        ended = {env: draws.random() < 0.5 for env in may_end if draws.random() < 0.3}
        ends.append([env in ended for env in range(NUM_ENVS)])
        terminated, truncated = [e for e in ended if ended[e]], [e for e in ended if not ended[e]]
        rows.append(row(number, draws.normal(size=2), terminated=terminated, truncated=truncated, first=first))
    memory = rollout(rows, values, rollout_steps=steps, gamma=gamma, return_lambda=lambda_, batch_size=1)
    returns, weight = memory.returns()
    for env in range(NUM_ENVS):
        first = [step.first[env] for step in rows]
        wanted = naive(
            [step.reward[env] for step in rows[:-1]],
            [step.terminated[env] for step in rows[:-1]],
            first,
            values[:, env].astype(np.float32),
            gamma,
            lambda_,
        )
        starts = [not first[t + 1] for t in range(steps)]
        assert weight[:, env].tolist() == starts
        found = [value for value, is_start in zip(returns[:, env].tolist(), starts, strict=True) if is_start]
        assert found == pytest.approx(
            [value for value, is_start in zip(wanted, starts, strict=True) if is_start], rel=1e-5, abs=1e-5
        )


def test_returns_equal_those_of_rlax():
    """The data are those of ``benchmarks/peers/lambda_returns.py``."""
    for case in json.loads((STORED / "lambda_returns.json").read_text())["cases"]:
        inputs = [torch.tensor(case[name]).unsqueeze(1) for name in ("r_t", "discount_t", "v_t", "lambda_t")]
        assert lambda_returns(*inputs)[:, 0].tolist() == pytest.approx(case["returns"], rel=1e-5, abs=1e-6)


def test_shapes_and_dtypes_of_lambda_returns_are_checked():
    good = torch.ones(3, 2)
    for wrong in (torch.ones(3), torch.ones(2, 3), torch.ones(3, 2, dtype=torch.float64)):
        for place in range(4):
            given = [good] * 4
            given[place] = wrong
            with pytest.raises(ValueError, match=r"expected r_t, discount_t, v_t and lambda_t \[T, N\] float32"):
                lambda_returns(*given)


def seen(batch):
    """The rows of a batch: number of the row times 10, plus the environment."""
    return batch.transition.observation[:, 0, 0, 0].tolist()


def test_each_epoch_has_every_row_once_in_an_order_of_its_own():
    memory = rollout([row(number) for number in range(5)], [[0, 0]] * 5, epochs=3, batch_size=4)
    batches = list(memory.batches())
    assert [len(seen(batch)) for batch in batches] == [4] * 6
    epochs = [seen(batches[2 * n]) + seen(batches[2 * n + 1]) for n in range(3)]
    rows = sorted(10 * number + env for number in range(4) for env in range(NUM_ENVS))
    assert [sorted(epoch) for epoch in epochs] == [rows] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_batch_holds_the_action_return_and_weight_of_each_row():
    rows = [row(0, (1, 2)), row(1, (3, 4), terminated=[1]), row(2), row(3, first=[1]), row(4)]
    memory = rollout(rows, np.arange(10.0).reshape(5, 2), epochs=1, batch_size=8)
    returns, weight = memory.returns()
    (batch,) = memory.batches()
    for place, number in enumerate(seen(batch)):
        t, env = divmod(int(number), 10)
        assert batch.transition.action[place] == rows[t].action[env]
        assert batch.transition.reward[place] == returns[t, env]
        assert batch.importance_weight[place] == weight[t, env]
    assert not batch.transition.discount.any()
    assert weight.tolist() == [[1, 1], [1, 1], [1, 0], [1, 1]]


def test_batches_are_due_when_the_row_after_the_rollout_is_there_and_it_begins_the_next_one():
    values = [[number, number] for number in range(9)]
    memory = rollout([row(number) for number in range(4)], values)
    assert memory.rows_until_due() == 1
    assert list(memory.batches()) == []
    memory.add(row(4))
    assert memory.rows_until_due() == 0
    assert sorted(number for batch in memory.batches() for number in seen(batch)) == [0, 1, 10, 11, 20, 21, 30, 31]
    assert memory.rows_until_due() == 4
    for number in range(5, 9):
        memory.add(row(number))
    assert memory.returns()[0][-1].tolist() == pytest.approx([0.9 * 8] * 2)
    assert sorted(number for batch in memory.batches() for number in seen(batch)) == [40, 41, 50, 51, 60, 61, 70, 71]


@pytest.mark.parametrize("rows", range(6))
def test_a_saved_rollout_goes_on_in_its_middle(rows):
    def learn(memory, numbers):
        batches = []
        for number in numbers:
            memory.add(row(number, (number, 1)))
            batches += [(seen(batch), batch.transition.reward.tolist()) for batch in memory.batches()]
        return batches

    values = [[number, -number] for number in range(12)]
    whole = rollout([], values, epochs=2)
    before, after = learn(whole, range(rows)), learn(whole, range(rows, 12))
    first, second = rollout([], values, epochs=2), rollout([], values[rows:], seed=9, epochs=2)
    assert learn(first, range(rows)) == before
    second.load_state_dict(first.state_dict())
    learn(first, range(rows, 12))  # must not reach into the copy
    assert learn(second, range(rows, 12)) == after
    assert len(before + after) == 8


def test_rows_of_another_rollout_are_refused():
    state = rollout([row(0), row(1)], [[0, 0]] * 2).state_dict()
    state["rows"]["observation"] = state["rows"]["observation"][..., :2]
    with pytest.raises(CheckpointError, match=r"of observation \[2, 1, 2, 3\], got \[2, 2, 1, 2, 2\]: resume with"):
        rollout([], []).load_state_dict(state)
    long = rollout([row(number) for number in range(4)], [[0, 0]] * 4).state_dict()
    with pytest.raises(CheckpointError, match="expected at most 3 rows of observation"):
        rollout([], [], rollout_steps=2).load_state_dict(long)


def test_samples_for_calibration_are_rows_of_the_rollout():
    memory = rollout([row(1), row(2)], [[0, 0]] * 2, batch_size=4)
    drawn = list(itertools.chain.from_iterable(memory.sample()[:, 0, 0, 0].tolist() for _ in range(20)))
    assert set(drawn) == {10, 11, 20, 21}


def test_the_bytes_of_a_rollout_are_those_of_its_tensors():
    memory = rollout([row(number) for number in range(5)], [[0, 0]] * 5)
    assert rollout_bytes(settings(), SPEC) == sum(tensor.nbytes for tensor in memory.state_dict()["rows"].values())


class Scripted:
    """A policy that asks for Q-values, unless it is told that all its actions are random."""

    def __init__(self, q_function):
        self.q_function, self.all_random = q_function, False

    def act(self, observation, first, env_steps, part):
        if not self.all_random:
            self.q_function(observation)
        return np.full(len(observation), part.start or 0)


def test_values_are_taken_row_by_row_although_a_part_acts_ahead():
    policies = []

    def make_policy(q_function):
        policies.append(Scripted(q_function("view")))
        return policies[0]

    asked = []

    def q_function(view):
        asked.append(view)
        return lambda observation: torch.from_numpy(observation[:, :2].astype(np.float32))

    recording = RecordingPolicy(q_function, make_policy, num_envs=4)
    front, back = slice(0, 2), slice(2, 4)

    def act(part, *values):
        observation = np.array([[value, value - 9] for value in values], np.uint8)
        return recording.act(observation, np.zeros(2, bool), 0, part).tolist()

    assert act(front, 11, 12) == [0, 0]
    assert act(back, 13, 14) == [2, 2]
    policies[0].all_random = True
    act(front, 21, 22)
    assert recording.take_values().tolist() == [11, 12, 13, 14]
    act(back, 23, 24)
    assert recording.take_values().tolist() == [21, 22, 23, 24]
    assert asked == ["view"]


@pytest.mark.parametrize(("loss", "losses"), [("mse", [0.5 * 0.5**2, 0.5 * 3**2]), ("huber", [0.5 * 0.5**2, 2.5])])
def test_the_loss_of_pqn_is_that_of_the_action_taken_against_its_return(loss, losses):
    algorithm = find_agent("pqn")
    q_values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    values = SimpleNamespace(online_tm1=QOutput(q_values))  # it reads nothing else
    pixels = torch.zeros(2, 1, 1, 1, dtype=torch.uint8)
    transition = Transition(pixels, torch.tensor([1, 0]), torch.tensor([2.5, 7.0]), torch.zeros(2), pixels)
    found = algorithm(algorithm.Settings(name="pqn", loss=loss)).td_loss(values, transition)
    assert found.loss.tolist() == pytest.approx(losses)
    assert found.td_error.tolist() == pytest.approx([0.5, 3.0])
