"""Settings found in an agent: its memory, its learner, its optimiser."""

import math
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rlvision.config.schema import Config
from rlvision.core.seeding import derive
from rlvision.core.types import Agent, Batch, EnvSpec, EnvStep, Transition
from rlvision.nn.encoder_base import as_float
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import builders
from wiring import Table

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
FALLING = {"optimiser.schedule": "linear", "optimiser.final_learning_rate": 0.0005, "optimiser.warmup_updates": 0}
MOVING = {"agent.final_gamma": 0.97, "agent.final_n_step": 2, "agent.horizon_env_steps": 70}
LAST_UPDATE = 580
"""Updates of the base's run: (env_steps - learning_starts) * samples_per_env_step / batch_size."""

table = Table(BASE)
finds = table.finds


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


def owed(config: Config, rows: int = 75) -> list[tuple[int, Batch]]:
    """All batches of so many rows, each with the env steps after which it was owed."""
    agent = builders.make_agent(config, SPEC)
    batches = []
    for number in range(rows):
        agent.memory.add(step(number))
        batches += [(2 * (number + 1), batch) for batch in agent.memory.batches()]
    return batches


def made_batch(reward: float = 0.0, discount: float = 1.0) -> Batch:
    """Six transitions of action 0, by hand."""
    draws = torch.Generator().manual_seed(3)
    before, after = torch.randint(256, (2, 6, 2, 36, 40), generator=draws).to(torch.uint8)
    values = torch.full((6,), reward), torch.full((6,), discount)
    return Batch(
        Transition(before, torch.zeros(6, dtype=torch.int64), *values, after), torch.arange(6) + 20, torch.ones(6)
    )


def n_of(batch: Batch) -> int:
    """Rows between an observation and the next one."""
    before, after = batch.transition.observation, batch.transition.next_observation
    (n,) = set((after[:, -1, 0, 0].int() - before[:, -1, 0, 0].int()).tolist())
    return int(n)


def gamma_of(batch: Batch) -> float:
    """γ of a batch without ends, whose discount is γ^n."""
    return float(batch.transition.discount[0]) ** (1 / n_of(batch))


# the replay


@finds("replay.capacity")
def env_steps_that_are_kept(config: Config) -> int:
    ring = experienced(config, rows=120).memory._ring
    return (ring.rows - ring.oldest) * ring.num_envs


@finds("replay.compression", each=("none", "lz4"))
def store_of_frames(config: Config) -> str:
    kinds = {"RawFrames": "none", "PackedFrames": "lz4"}
    return kinds[type(experienced(config, rows=1).memory._ring.frames).__name__]


@finds("replay.batch_size")
def rows_of_a_batch(config: Config) -> int:
    return len(experienced(config).memory.sample().index)


@finds("replay.samples_per_env_step")
def samples_between_two_batches(config: Config) -> float:
    (first, batch), *others = owed(config)
    return len(others) * len(batch.index) / (others[-1][0] - first)


@finds("replay.learning_starts")
def env_steps_before_the_first_is_owed(config: Config) -> float:
    first, batch = owed(config)[0]
    return first - len(batch.index) / samples_between_two_batches(config)


@finds("replay.prioritised", each=(True, False))
def whether_one_priority_outweighs_all_others(config: Config) -> bool:
    memory = experienced(config).memory
    for index in torch.arange(120).split(1):
        memory.update_priorities(index, torch.full((1,), 1e9 if index == 60 else 1e-9))
    return set(memory.sample().index.tolist()) == {60}


def masses(config: Config, *priorities: float) -> list[float]:
    """The masses of transitions with these priorities."""
    memory = experienced(config).memory
    index = torch.arange(60, 60 + len(priorities))
    memory.update_priorities(index, torch.tensor(priorities))
    return memory._selection.mass[index].tolist()


@finds("replay.alpha")
def exponent_between_two_masses(config: Config) -> float:
    large, small = masses(config, 1e9, 1e7)
    return math.log(large / small) / math.log(100)


@finds("replay.priority_epsilon")
def priority_of_what_does_not_surprise(config: Config) -> float:
    (mass,) = masses(config, 0.0)
    return float(mass ** (1 / exponent_between_two_masses(config)))


@finds("replay.beta")
def exponent_of_importance_at_the_start(config: Config) -> float:
    agent = experienced(config)
    agent.memory.update_priorities(torch.arange(120), torch.arange(120) % 2 * 8.0 + 1.0)
    batch, part = agent.memory.sample(), 120 / 1_200  # of the way to 1
    mass = agent.memory._selection.mass[batch.index]
    rare, common = mass.argmin(), mass.argmax()
    ratio = batch.importance_weight[common] / batch.importance_weight[rare]
    now = float(torch.log(ratio) / torch.log(mass[rare] / mass[common]))
    return (now - part) / (1 - part)


# the agent


@finds("agent.name")
def whether_its_values_are_means_of_quantiles(config: Config) -> str:
    quantiles = builders.make_agent(config, SPEC).network(made_batch().transition.observation).quantiles
    return "dqn" if quantiles is None else "qr_dqn"


@finds("agent.gamma")
@finds("agent.gamma", {**MOVING, "agent.horizon_env_steps": 10**9})
def discount_of_a_batch(config: Config) -> float:
    return gamma_of(owed(config)[0][1])


@finds("agent.gamma")
def gamma_of_the_agent(config: Config) -> float:
    return builders.make_agent(config, SPEC).gamma(0)


@finds("agent.n_step")
@finds("agent.n_step", {**MOVING, "agent.horizon_env_steps": 10**9})
def rows_to_the_next_observation(config: Config) -> int:
    return n_of(owed(config)[0][1])


@finds("agent.n_step")
def rewards_that_are_summed(config: Config) -> float:
    transition = experienced(config, reward=1.0).memory.sample().transition
    gamma, scale = discount_of_a_batch(config), factor_of_a_reward(config)
    return round(math.log(1 - float(transition.reward[0]) / scale * (1 - gamma)) / math.log(gamma), 3)


@finds("agent.final_gamma", MOVING)
def discount_of_the_last_batch(config: Config) -> float:
    return gamma_of(owed(config)[-1][1])


@finds("agent.final_gamma", MOVING)
def gamma_of_the_agent_at_the_end(config: Config) -> float:
    return builders.make_agent(config, SPEC).gamma(1_200)


@finds("agent.final_n_step", MOVING)
def rows_to_the_next_observation_at_the_end(config: Config) -> int:
    return n_of(owed(config)[-1][1])


@finds("agent.horizon_env_steps", MOVING)
def env_steps_until_the_discount_stays(config: Config) -> int:
    discounts = {env_steps: gamma_of(batch) for env_steps, batch in owed(config)}
    last = discounts[max(discounts)]
    return min(env_steps for env_steps, discount in discounts.items() if math.isclose(discount, last, rel_tol=1e-6))


@finds("agent.reward_scale")
def factor_of_a_reward(config: Config) -> float:
    agent = builders.make_agent(config, SPEC)
    for number in range(20):
        agent.memory.add(step(number, reward=1.0 if number == 10 else 0.0))
    agent.memory.update_priorities(torch.arange(40), torch.where(torch.arange(40) == 20, 1e9, 0.0))
    return float(agent.memory.sample().transition.reward[0])


@finds("agent.reward_scale")
def factor_of_a_reward_in_what_is_reported(config: Config) -> float:
    transform = builders.make_agent(config, SPEC).reward_transform
    return float(transform(torch.tensor(1.0)))


@finds("agent.reward_clip")
def bound_of_a_reward(config: Config) -> float:
    transition = experienced(config, reward=-1e6).memory.sample().transition
    gamma, n = discount_of_a_batch(config), rows_to_the_next_observation(config)
    return -float(transition.reward[0]) * (1 - gamma) / (1 - gamma**n)


@finds("agent.reward_clip")
def bound_of_a_reward_in_what_is_reported(config: Config) -> float:
    return float(builders.make_agent(config, SPEC).reward_transform(torch.tensor(1e6)))


def weights(network: torch.nn.Module) -> Tensor:
    """All parameters, laid end to end."""
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@finds("agent.target_period")
def updates_until_the_target_is_a_copy(config: Config) -> int:
    learner = experienced(config).learner
    for updates in count(1):
        learner.update(made_batch(reward=1.0))
        if torch.equal(weights(learner.views.target), weights(learner.views.online)):
            return updates
    raise AssertionError


@finds("agent.target_tau", {"agent.target_tau": 0.15})
def part_of_the_way_that_the_target_moves(config: Config) -> float:
    learner = experienced(config).learner
    learner.updates = 1_000  # after the warm-up
    before = weights(learner.views.target)
    learner.update(made_batch(reward=1.0))
    moved, whole = weights(learner.views.target) - before, weights(learner.views.online) - before
    return float(moved.norm() / whole.norm())


@finds("agent.augmentation", each=("none", "shift"))
def whether_the_network_sees_the_batch_as_it_is(config: Config) -> str:
    learner, seen = experienced(config).learner, []
    note = lambda module, inputs: seen.append(inputs[0]) if isinstance(module, QNetwork) else None  # noqa: E731
    learner.updates = 1  # without calibration
    batch = made_batch()
    with torch.nn.modules.module.register_module_forward_pre_hook(note):
        learner.update(batch)
    return "none" if any(torch.equal(s, as_float(batch.transition.observation)) for s in seen) else "shift"


def set_values(network: QNetwork, values: list[float]) -> None:
    """Let a network give these Q-values whatever it sees."""
    last = [layer for layer in network.head.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor(values).repeat_interleave(network.head.quantiles))


def learned(config: Config) -> Any:
    """The update of transitions whose bootstrap is 3 by Double DQN and 5 by the target network."""
    learner = experienced(config).learner
    learner.updates = 1  # without calibration, after which both networks would be alike
    set_values(learner.views.online, [0.0, 1.0, 0.0])
    set_values(learner.views.target, [5.0, 3.0, 1.0])
    return learner.update(made_batch())


@finds("agent.double", each=(True, False))
def network_that_chooses_the_bootstrap_action(config: Config) -> bool:
    return {3.0: True, 5.0: False}[round(float(learned(config).priority[0]), 3)]


@finds("agent.loss", each=("huber", "mse"))
def loss_of_an_error_of_five(config: Config) -> str:
    return {4.5: "huber", 12.5: "mse"}[round(float(learned(config).loss), 3)]


@finds("agent.quantiles")
def quantiles_of_an_action(config: Config) -> int:
    return builders.make_agent(config, SPEC).network(made_batch().transition.observation).quantiles.shape[2]


# the optimiser


def groups(config: Config) -> list[dict[str, Any]]:
    """The parameter groups of the optimiser."""
    return builders.make_agent(config, SPEC).learner._optimiser.param_groups


@finds("optimiser.name", each=("adam", "adamw", "sgd", "rmsprop", "adagrad"))
def class_of_the_optimiser(config: Config) -> str:
    return type(builders.make_agent(config, SPEC).learner._optimiser).__name__.lower()


@finds("optimiser.epsilon")
@finds("optimiser.epsilon", {"optimiser.name": "adamw"})
@finds("optimiser.epsilon", {"optimiser.name": "rmsprop"})
@finds("optimiser.epsilon", {"optimiser.name": "adagrad"})
def epsilon_of_the_groups(config: Config) -> float:
    (epsilon,) = {group["eps"] for group in groups(config)}
    return epsilon


@finds("optimiser.momentum", {"optimiser.name": "sgd"})
@finds("optimiser.momentum", {"optimiser.name": "rmsprop"})
def momentum_of_the_groups(config: Config) -> float:
    (momentum,) = {group["momentum"] for group in groups(config)}
    return momentum


@finds("optimiser.momentum")
@finds("optimiser.momentum", {"optimiser.name": "adamw"})
def first_beta_of_the_groups(config: Config) -> float:
    (betas,) = {group["betas"] for group in groups(config)}
    return betas[0]


@finds("optimiser.weight_decay")
def decay_of_weights_alone(config: Config) -> float:
    decays = {(p.ndim > 1, group["weight_decay"]) for group in groups(config) for p in group["params"]}
    (spared,) = {decay for is_weight, decay in decays if not is_weight}
    (decay,) = {decay for is_weight, decay in decays if is_weight}
    return decay if spared == 0 else math.nan


@finds("optimiser.max_grad_norm")
def norm_of_a_gradient_that_was_clipped(config: Config) -> float:
    learner = experienced(config).learner
    learner.update(made_batch(reward=1e6))
    return float(torch.cat([p.grad.flatten() for p in learner.views.online.parameters()]).norm())


def rate(config: Config, updates: int) -> float:
    """The step size of an update after so many."""
    learner = experienced(config).learner
    learner.updates = updates
    learner.update(made_batch())
    (found,) = {group["lr"] for group in learner._optimiser.param_groups}
    return found


@finds("optimiser.learning_rate")
@finds("optimiser.learning_rate", {"optimiser.name": "sgd"})
@finds("optimiser.learning_rate", {"optimiser.name": "rmsprop"})
def step_size_after_the_warm_up(config: Config) -> float:
    return rate(config, 300)


@finds("optimiser.warmup_updates")
def how_much_smaller_the_first_step_is(config: Config) -> float:
    return rate(config, 300) / rate(config, 0)


@finds("optimiser.final_learning_rate", FALLING)
def step_size_of_the_last_update(config: Config) -> float:
    return rate(config, LAST_UPDATE)


@finds("optimiser.schedule", FALLING, each=("constant", "linear", "cosine"))
def step_size_after_a_quarter(config: Config) -> str:
    first, last = 0.004, 0.0005
    part = (rate(config, LAST_UPDATE // 4) - last) / (first - last)
    return {1.0: "constant", 0.75: "linear", 0.854: "cosine"}[round(part, 3)]


@finds("env_steps", FALLING)
def env_steps_until_the_step_size_stays(config: Config) -> float:
    learner = experienced(config).learner
    sizes = [learner._learning_rate(updates) for updates in range(2 * LAST_UPDATE)]
    return sizes.index(min(sizes)) * 6 / 3 + 40


# the run, as the agent sees it


@finds("seed")
def seed_of_the_first_weights(config: Config) -> int:
    found = weights(builders.make_network(config, SPEC))
    for seed in range(30):
        torch.manual_seed(derive(seed, "network"))
        if torch.equal(found[:9], torch.nn.Conv2d(2, 16, 5, 2).weight.flatten()[:9]):
            return seed
    raise AssertionError


@finds("seed")
def seed_of_the_replays_draws(config: Config) -> int:
    seed = builders.make_agent(config, SPEC).memory._generator.initial_seed()
    return [derive(number, "replay") for number in range(30)].index(seed)


@finds("seed")
def seed_of_the_exploration(config: Config) -> int:
    seed = builders.make_agent(config, SPEC).policy._generator.initial_seed()
    return [derive(number, "exploration") for number in range(30)].index(seed)
