"""Agents built from a configuration, and experience for them, made by hand."""

import numpy as np
import torch
from torch import Tensor

from rlvision.config.schema import Config
from rlvision.core.agent import Agent
from rlvision.core.types import Batch, EnvSpec, EnvStep, Transition
from rlvision.runs import builders

SPEC = EnvSpec(2, (2, 36, 40), 1, ("left", "stay", "right"), 4)
BASE = {
    "seed": 11,
    "env_steps": 1_200,
    "device": "cpu",
    "precision": "float32",
    "network.momentum": 0.2,
    "network.r_max": 2.5,
    "network.d_max": 3.5,
    "network.calibration_batches": 7,
    "network.hidden": 24,
    "network.dropout": 0.35,
    "replay.capacity": 160,
    "replay.compression": "lz4",
    "replay.batch_size": 6,
    "replay.samples_per_env_step": 3.0,
    "replay.learning_starts": 40,
    "replay.prioritised": True,
    "replay.alpha": 0.7,
    "replay.beta": 0.3,
    "replay.priority_epsilon": 0.02,
    "agent.gamma": 0.9,
    "agent.n_step": 4,
    "agent.reward_scale": 0.25,
    "agent.reward_clip": 8.0,
    "agent.target_period": 5,
    "agent.double": False,
    "agent.loss": "mse",
    "agent.quantiles": 9,
    "optimiser.learning_rate": 0.004,
    "optimiser.warmup_updates": 16,
    "optimiser.epsilon": 0.003,
    "optimiser.momentum": 0.6,
    "optimiser.weight_decay": 0.05,
    "optimiser.max_grad_norm": 0.125,
    "exploration.start": 0.95,
    "exploration.end": 0.45,
    "exploration.decay_env_steps": 500,
    "exploration.ladder_alpha": 1.5,
    "exploration.persistence": 2.75,
}
"""Settings of an agent: none is its default, and no two numbers are equal."""


def step(number: int, reward: float = 0.0) -> EnvStep:
    """Row ``number`` of two endless games; its corner pixel is the number."""
    observation = np.random.default_rng(number).integers(0, 256, (2, 2, 36, 40)).astype(np.uint8)
    observation[:, :, 0, 0] = number
    rewards, no = np.full(2, reward, np.float32), np.zeros(2, np.bool_)
    return EnvStep(observation, np.array([number % 3, 1]), rewards, no, no, np.full(2, number == 0))


def experienced(config: Config, rows: int = 60, reward: float = 0.0) -> Agent:
    """The agent of a configuration, after some rows."""
    agent = builders.make_agent(config, SPEC)
    for number in range(rows):
        agent.memory.add(step(number, reward))
    return agent


def made_batch(reward: float = 0.0, discount: float = 1.0) -> Batch:
    """Six transitions of action 0, by hand."""
    draws = torch.Generator().manual_seed(3)
    before, after = torch.randint(256, (2, 6, 2, 36, 40), generator=draws).to(torch.uint8)
    values = torch.full((6,), reward), torch.full((6,), discount)
    return Batch(
        Transition(before, torch.zeros(6, dtype=torch.int64), *values, after), torch.arange(6) + 20, torch.ones(6)
    )


def weights(network: torch.nn.Module) -> Tensor:
    """All parameters, laid end to end."""
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
