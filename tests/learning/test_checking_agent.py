"""An agent that checks instead of learning: from the pixels of every batch it derives what the rest must be.

The pixels of the counting environment say (game, step); rewards, ends and lengths are known functions of them. So
order, resets, stacks, returns, discounts, bootstrap observations and truncation are proved from the environment through
the collector and the memory to the batch, without trusting any of them.
"""

import numpy as np
import pytest

from rlvision.envs.counting_env import ends_by_truncation, game_length, read, reward
from rlvision.learning.schedules import Constant
from rlvision.training.collector import Collector, DiscountedReturns
from tests.conftest import AS_DRAWN, COUNTING_ENV

LENGTHS = (5, 1, 9)
GAMMA = 0.9
ACTIONS = 4
MOMENTS = 160


class ActsByPixels:
    """An action that is a function of what it sees, so that a misplaced action shows."""

    def act(self, observation, first, env_steps):
        return np.array([action_of(*read(stack[-1])) for stack in observation])


def action_of(game, step):
    return (game + 3 * step) % ACTIONS


def expected(game, step, n):
    """Return, discount and step of the bootstrap observation of a decision, from the definition."""
    length = game_length(game, LENGTHS)
    m = min(n, length - step)
    total = sum(GAMMA**k * reward(game, step + k + 1) for k in range(m))
    terminates = step + m == length and not ends_by_truncation(game, "alternate")
    return total, 0.0 if terminates else GAMMA**m, step + m


def check_stack(stack, game, step):
    """The newest frame is the step's; before it come the steps before; before the game, nothing."""
    for back, frame in enumerate(reversed(stack)):
        if step - back >= 0:
            assert read(frame) == (game, step - back)
        else:
            assert not frame.any()


def check(transition, n):
    """Every row of a batch."""
    for row in range(len(transition.action)):
        stack, next_stack = transition.observation[row].numpy(), transition.next_observation[row].numpy()
        game, step = read(stack[-1])
        total, discount, arrival = expected(game, step, n)
        check_stack(stack, game, step)
        check_stack(next_stack, game, arrival)
        assert transition.action[row] == action_of(game, step)
        assert transition.reward[row].item() == pytest.approx(total, rel=1e-5, abs=1e-5)
        assert transition.discount[row].item() == pytest.approx(discount)


@pytest.fixture
def build(make_replay, made):
    """(num_envs, stack, n) -> environments, a memory, and the collector between them."""

    def checked(num_envs, stack, n):
        kwargs = {"lengths": LENGTHS, "ending": "alternate", "actions": ACTIONS}
        env = made(COUNTING_ENV, num_envs, stack=stack, kwargs=kwargs, **AS_DRAWN)
        memory = make_replay(
            capacity=90,
            num_envs=num_envs,
            frame_shape=(1, 32, 32),
            stack=stack,
            n_step=n,
            gamma=GAMMA,
            batch_size=8,
            samples_per_env_step=8,
            learning_starts=30,
        )
        return env, memory, Collector(env, ActsByPixels(), memory, DiscountedReturns(num_envs, Constant(GAMMA), None))

    return checked


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("stack", [1, 3])
@pytest.mark.parametrize("n", [1, 3])
def test_what_is_learned_from_is_what_happened(build, num_envs, stack, n):
    env, memory, collector = build(num_envs, stack, n)
    env.reset(seed=7)
    seen, batches = set(), 0
    for _ in range(MOMENTS):
        collector.send()
        for batch in memory.batches():
            check(batch.transition, n)
            batches += 1
            seen |= {read(frames[-1].numpy()) for frames in batch.transition.observation}
        collector.recv()
    env.close()
    assert batches == (MOMENTS - 1) * num_envs - 30  # 8 samples an env step in batches of 8, the last step not yet owed
    last_decisions = {(game, step) for game, step in seen if step == game_length(game, LENGTHS) - 1}
    assert {ends_by_truncation(game, "alternate") for game, _ in last_decisions} == {True, False}
    assert all(step < game_length(game, LENGTHS) for game, step in seen)  # a last observation is never acted on


def test_scores_are_those_of_whole_games(build):
    env, _, collector = build(num_envs=3, stack=1, n=1)
    env.reset(seed=7)
    episodes = []
    for _ in range(MOMENTS):
        collector.send()
        episodes += collector.recv()
    env.close()
    assert len(episodes) == collector.episodes > 30
    for episode in episodes:
        length = game_length(episode.seed, LENGTHS)
        assert (episode.length, episode.frames) == (length, length)
        assert episode.score == sum(reward(episode.seed, step) for step in range(1, length + 1))
