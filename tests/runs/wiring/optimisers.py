"""Settings found in an optimiser, and in the step sizes that a learner gives it."""

import math
from typing import Any

import torch

from rlvision.config.schema import Config
from rlvision.runs import builders
from tests.runs.wiring import Table
from tests.runs.wiring.parts import BASE, SPEC, experienced, made_batch

FALLING = {"optimiser.schedule": "linear", "optimiser.final_learning_rate": 0.0005, "optimiser.warmup_updates": 0}
LAST_UPDATE = 580
"""Updates of the base's run: (env_steps - learning_starts) * samples_per_env_step / batch_size."""

table = Table(BASE)
finds = table.finds


def groups(config: Config) -> list[dict[str, Any]]:
    """The parameter groups of the optimiser."""
    return builders.make_agent(config, SPEC).learner.optimiser.param_groups


@finds("optimiser.name", each=("adam", "adamw", "radam", "sgd", "rmsprop", "adagrad"))
def class_of_the_optimiser(config: Config) -> str:
    return type(builders.make_agent(config, SPEC).learner.optimiser).__name__.lower()


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
    return float(torch.cat([p.grad.flatten() for p in learner.networks.online.parameters()]).norm())


def rate(config: Config, updates: int) -> float:
    """The step size of an update after so many."""
    learner = experienced(config).learner
    learner.updates = updates
    learner.update(made_batch())
    (found,) = {group["lr"] for group in learner.optimiser.param_groups}
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
