"""An agent whose replay is full of noise."""

from dataclasses import replace

import numpy as np

from rlvision.agents.dqn import DQNSettings
from rlvision.config.schema import Config
from rlvision.core.agent import Agent
from rlvision.core.memory import keep_freed_memory
from rlvision.core.types import EnvSpec, EnvStep
from rlvision.nn.settings import NetworkSettings
from rlvision.replay.settings import ReplaySettings
from rlvision.runs import builders

NUM_ENVS, ROWS = 8, 500
SPEC = EnvSpec(NUM_ENVS, (4, 84, 84), 1, tuple("abcdef"), 4)


def env_step(random: np.random.Generator, spec: EnvSpec = SPEC) -> EnvStep:
    """Return a row of noise in the middle of games."""
    nothing = np.zeros(NUM_ENVS, np.bool_)
    return EnvStep(
        observation=random.integers(256, size=(NUM_ENVS, *spec.observation_shape), dtype=np.uint8),
        action=random.integers(SPEC.num_actions, size=NUM_ENVS),
        reward=random.standard_normal(NUM_ENVS).astype(np.float32),
        terminated=nothing,
        truncated=nothing,
        first=nothing,
    )


def make_agent(
    *, prioritised: bool = False, size: int = 84, network: NetworkSettings | None = None, double: bool = True
) -> Agent:
    """Return an agent, by default the default one, with a replay full of noise of ``size`` by ``size`` pixels."""
    keep_freed_memory()
    spec = replace(SPEC, observation_shape=(4, size, size))
    replay = ReplaySettings(capacity=NUM_ENVS * ROWS, prioritised=prioritised)
    config = Config(
        device="cpu", network=network or NetworkSettings(), replay=replay, agent=DQNSettings(n_step=3, double=double)
    )
    agent = builders.make_agent(config, spec)
    random = np.random.default_rng(0)
    for _ in range(ROWS + 10):
        agent.memory.add(env_step(random, spec))
    return agent
