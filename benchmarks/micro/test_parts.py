"""Times of the loop's parts, for frames of 84x84, stacks of four, batches of 32, 8 environments, DN and Double.

    pytest benchmarks/micro --benchmark-json=micro.json

A row of the table is one call: an ``add`` stores a step of 8 environments, an ``act`` chooses 8 actions.
"""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from noise import SPEC, env_step, make_agent
from pytest_benchmark.fixture import BenchmarkFixture

from rlvision.core.agent import Agent
from rlvision.nn.settings import NetworkSettings
from rlvision.runs.checkpoint import read_state, write_state


@pytest.mark.parametrize("replay", ["agent", "prioritised_agent"])
def test_add(benchmark: BenchmarkFixture, replay: str, request: pytest.FixtureRequest) -> None:
    agent: Agent = request.getfixturevalue(replay)
    random = np.random.default_rng(1)
    steps = itertools.cycle([env_step(random) for _ in range(8)])
    benchmark(lambda: agent.memory.add(next(steps)))
    assert agent.memory.size > 0


@pytest.mark.parametrize("replay", ["agent", "prioritised_agent"])
def test_sample(benchmark: BenchmarkFixture, replay: str, request: pytest.FixtureRequest) -> None:
    agent: Agent = request.getfixturevalue(replay)
    batch = benchmark(agent.memory.sample)
    assert batch.transition.next_observation.shape == (32, *SPEC.observation_shape)


def test_update_priorities(benchmark: BenchmarkFixture, prioritised_agent: Agent) -> None:
    memory = prioritised_agent.memory
    batches, priority = itertools.cycle([memory.sample() for _ in range(8)]), torch.rand(32)
    benchmark(lambda: memory.update_priorities(next(batches).index, priority))


def test_act(benchmark: BenchmarkFixture, agent: Agent) -> None:
    step = env_step(np.random.default_rng(1))
    action = benchmark(agent.policy.act, step.observation, step.first, 10**9)
    assert action.shape == (SPEC.num_envs,)


@pytest.mark.parametrize("frames", ["agent", "smallest_agent"])
def test_update(benchmark: BenchmarkFixture, frames: str, request: pytest.FixtureRequest) -> None:
    agent: Agent = request.getfixturevalue(frames)
    batch = agent.memory.sample()
    agent.learner.update(batch)  # the first one calibrates
    update = benchmark(agent.learner.update, batch)
    assert torch.isfinite(update.loss)


@pytest.mark.parametrize("double", [True, False], ids=["double", "plain"])
@pytest.mark.parametrize("norm", ["renorm", "running", "batch", "joint", "fixed", "layer", "none"])
def test_update_by_normalisation(benchmark: BenchmarkFixture, norm: Any, double: bool) -> None:
    agent = make_agent(network=NetworkSettings(norm=norm), double=double)
    batch = agent.memory.sample()
    agent.learner.update(batch)  # the first one calibrates
    update = benchmark(agent.learner.update, batch)
    assert torch.isfinite(update.loss)


def test_save_weights_and_optimiser(benchmark: BenchmarkFixture, agent: Agent, tmp_path) -> None:
    benchmark(lambda: write_state(tmp_path / "learner.ckpt", agent.learner.state_dict()))
    assert read_state(tmp_path / "learner.ckpt")["updates"] == agent.learner.updates


def test_save_the_replay(benchmark: BenchmarkFixture, agent: Agent, tmp_path) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())  # an old folder would get only the new rows
    manifest = benchmark(lambda: agent.memory.save_rows(next(folders)))
    assert manifest
