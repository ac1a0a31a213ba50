"""Settings found in an agent that learns between rollouts."""

from typing import Any

import numpy as np
import torch

from rlvision.config.schema import Config
from rlvision.core.agent import Agent
from rlvision.core.types import Batch
from rlvision.runs import builders
from tests.runs.wiring import Table
from tests.runs.wiring.parts import BASE as USUAL
from tests.runs.wiring.parts import SPEC, step

BASE = {
    **{name: value for name, value in USUAL.items() if not name.startswith(("replay.", "agent."))},
    "network.dropout": 0.0,
    "env.num_envs": 2,
    "agent.gamma": 0.9,
    "agent.return_lambda": 0.8,
    "agent.rollout_steps": 12,
    "agent.epochs": 3,
    "agent.batch_size": 6,
    "agent.reward_scale": 0.25,
    "agent.reward_clip": 8.0,
    "agent.loss": "huber",
}
"""Settings of the agent: none is its default."""

table = Table(BASE, agents=("pqn",))
finds = table.finds


def rolled(config: Config, reward: float = 0.0, rows: int = 40) -> tuple[Agent, list[list[Batch]]]:
    """The agent after some rows, and the batches of each rollout; its values are all zero."""
    agent = builders.make_agent(config, SPEC)
    for parameter in agent.network.head.parameters():
        torch.nn.init.zeros_(parameter)
    rollouts = []
    for number in range(rows):
        row = step(number, reward)
        agent.policy.act(row.observation, row.first, 0)
        agent.memory.add(row)
        if batches := list(agent.memory.batches()):
            rollouts.append(batches)
    return agent, rollouts


def first_return(config: Config, reward: float) -> float:
    """The λ-return of the first row, by rewards that are all the same and values of zero."""
    _, (batches, *_) = rolled(config, reward)
    (found,) = {
        float(value)
        for batch in batches
        for value, pixels in zip(batch.transition.reward, batch.transition.observation, strict=True)
        if pixels[0, 0, 0] == 0
    }
    return found


def last_return(config: Config, reward: float) -> float:
    """The λ-return of the last row, which is its reward as the agent sees it."""
    _, (batches, *_) = rolled(config, reward)
    rows = {int(pixels[0, 0, 0]) for batch in batches for pixels in batch.transition.observation}
    return next(
        float(value)
        for batch in batches
        for value, pixels in zip(batch.transition.reward, batch.transition.observation, strict=True)
        if pixels[0, 0, 0] == max(rows)
    )


@finds("agent.gamma", {"agent.return_lambda": 1.0, "agent.rollout_steps": 3})
def decay_of_a_sum_of_rewards(config: Config) -> float:
    total = first_return(config, 4.0)  # 1 + γ + γ²
    return (-1 + (1 - 4 * (1 - total)) ** 0.5) / 2


@finds("agent.gamma", {"agent.gamma": 0.7})
def gamma_of_the_agent(config: Config) -> float:
    return builders.make_agent(config, SPEC).gamma(0)


@finds("agent.return_lambda", {"agent.rollout_steps": 3, "agent.gamma": 1.0})
def decay_of_what_values_do_not_cut(config: Config) -> float:
    total = first_return(config, 4.0)  # 1 + λ + λ²
    return (-1 + (1 - 4 * (1 - total)) ** 0.5) / 2


@finds("agent.rollout_steps")
def rows_between_two_rollouts(config: Config) -> int:
    _, (first, second, *_) = rolled(config)
    begins = [min(int(p[0, 0, 0]) for batch in part for p in batch.transition.observation) for part in (first, second)]
    return begins[1] - begins[0]


@finds("agent.epochs")
def times_that_a_row_is_learned_from(config: Config) -> int:
    _, (batches, *_) = rolled(config)
    rows = np.concatenate([batch.index.numpy() for batch in batches])
    (times,) = set(np.unique(rows, return_counts=True)[1].tolist())
    return int(times)


@finds("agent.batch_size")
def rows_of_a_batch(config: Config) -> int:
    _, rollouts = rolled(config)
    (size,) = {len(batch.index) for batches in rollouts for batch in batches}
    return size


@finds("agent.reward_scale")
def scale_of_rewards(config: Config) -> float:
    return last_return(config, 16.0) / 16.0


@finds("agent.reward_clip")
def bound_of_rewards(config: Config) -> float:
    return last_return(config, 1000.0)


@finds("agent.loss", each=("mse", "huber"))
def growth_of_the_loss(config: Config) -> str:
    agent, (batches, *_) = rolled(config, 40.0)  # values of 0, returns of 8 and more
    loss, errors = agent.learner.update(batches[0]).loss, batches[0].transition.reward
    kinds: dict[str, Any] = {"mse": 0.5 * errors.square().mean(), "huber": (errors - 0.5).mean()}
    return min(kinds, key=lambda kind: abs(float(kinds[kind]) - float(loss)))


@finds("agent.augmentation", each=("none", "shift"))
def pixels_that_the_network_sees(config: Config) -> str:
    agent, (batches, *_) = rolled(config)
    seen: list[torch.Tensor] = []
    agent.learner._targets._online.encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    agent.learner.update(batches[0])
    before = batches[0].transition.observation.float() / 255
    return "none" if torch.allclose(seen[-1].float(), before, atol=1e-2) else "shift"


@finds("agent.epochs", {"optimiser.schedule": "linear", "optimiser.warmup_updates": 0, "env_steps": 482})
def updates_of_the_whole_run(config: Config) -> float:
    """482 env steps of 2 environments are 20 rollouts of 12 steps and a row, each of 4 minibatches an epoch."""
    agent, ((batch, *_), *_) = rolled(config, rows=14)
    agent.learner.update(batch)
    rate = agent.learner.metrics()["optimiser/learning_rate"] / config.optimiser.learning_rate
    return 1 / (1 - rate) / (20 * 4)
