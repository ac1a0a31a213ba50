"""An agent whose replay is full of noise."""

from dataclasses import replace

import numpy as np

from rlvision.config.schema import AgentConfig, Config, NetworkConfig, ReplayConfig
from rlvision.core.memory import keep_freed_memory
from rlvision.core.types import EnvSpec, EnvStep
from rlvision.learning.agent import Agent
from rlvision.runs import builders

NUM_ENVS, ROWS = 8, 500
SPEC = EnvSpec(NUM_ENVS, (4, 84, 84), 1, tuple("abcdef"), 4)


def env_step(random: np.random.Generator, spec: EnvSpec = SPEC) -> EnvStep:
    """A row of noise in the middle of games."""
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
    *, prioritised: bool = False, size: int = 84, network: NetworkConfig | None = None, double: bool = True
) -> Agent:
    """The defaults' agent, or one with another network, its replay full of noise of ``size`` by ``size`` pixels."""
    keep_freed_memory()
    spec = replace(SPEC, observation_shape=(4, size, size))
    replay = ReplayConfig(capacity=NUM_ENVS * ROWS, prioritised=prioritised)
    config = Config(
        device="cpu", network=network or NetworkConfig(), replay=replay, agent=AgentConfig(n_step=3, double=double)
    )
    agent = builders.make_agent(config, spec)
    random = np.random.default_rng(0)
    for _ in range(ROWS + 10):
        agent.memory.add(env_step(random, spec))
    return agent
