"""Settings found in an agent: in its memory, in its learner, in its seeds."""

import math
from typing import Any

import torch

from rlvision.config.schema import Config
from rlvision.core.seeding import derive
from rlvision.core.types import Batch
from rlvision.nn.encoder_base import as_float
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import builders
from tests.runs.wiring import Table
from tests.runs.wiring.parts import BASE, SPEC, experienced, made_batch, step, weights

MOVING = {"agent.final_gamma": 0.97, "agent.final_n_step": 2, "agent.horizon_env_steps": 70}

table = Table(BASE)
finds = table.finds


def owed(config: Config, rows: int = 75) -> list[tuple[int, Batch]]:
    """All batches of so many rows, each with the env steps after which it was owed."""
    agent = builders.make_agent(config, SPEC)
    batches = []
    for number in range(rows):
        agent.memory.add(step(number))
        batches += [(2 * (number + 1), batch) for batch in agent.memory.batches()]
    return batches


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
    kinds = {"RawFrames": "none", "CompressedFrames": "lz4"}
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
    return memory._sampler.mass[index].tolist()


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
    mass = agent.memory._sampler.mass[batch.index]
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


@finds("agent.target_period")
def updates_until_the_target_is_a_copy(config: Config) -> int:
    learner = experienced(config).learner
    for updates in range(1, 100):
        learner.update(made_batch(reward=1.0))
        if torch.equal(weights(learner.networks.target), weights(learner.networks.online)):
            return updates
    raise AssertionError


@finds("agent.target_tau", {"agent.target_tau": 0.15})
def part_of_the_way_that_the_target_moves(config: Config) -> float:
    learner = experienced(config).learner
    learner.updates = 1_000  # after the warm-up
    before = weights(learner.networks.target)
    learner.update(made_batch(reward=1.0))
    moved, whole = weights(learner.networks.target) - before, weights(learner.networks.online) - before
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
    set_values(learner.networks.online, [0.0, 1.0, 0.0])
    set_values(learner.networks.target, [5.0, 3.0, 1.0])
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
