"""Settings found in the policy that explores."""

import math

import numpy as np
import torch

from rlvision.config.schema import Config
from rlvision.core.types import TrainingPolicy
from rlvision.runs import builders
from tests.runs.wiring import Table
from tests.runs.wiring.parts import BASE, SPEC

FALLING = {"exploration.final": 0.15, "exploration.final_env_steps": 1_000}

table = Table(BASE)
finds = table.finds


@finds("exploration.kind", {"network.noisy": True}, each=("epsilon_greedy", "ladder", "persistent", "softmax", "noisy"))
def class_of_the_policy(config: Config) -> str:
    policy = builders.make_agent(config, SPEC).policy
    names = {"PersistentEpsilonGreedy": "persistent", "Softmax": "softmax", "NoisyGreedy": "noisy"}
    plain = "epsilon_greedy" if getattr(policy, "_exponents", None) is None else "ladder"
    return names.get(type(policy).__name__, plain)


def explored(config: Config, env_steps: int) -> float:
    """The share of random actions after so many env steps, by counting those that are not greedy."""
    policy = builders.make_agent(config, SPEC).policy
    policy._q_function = lambda observation: torch.tensor([1.0, 0.0, 0.0]).expand(len(observation), 3)
    action = policy.act(np.zeros((200_000, 1)), np.zeros(200_000, np.bool_), env_steps)
    return round(float((action > 0).mean()) * 3 / 2, 2)


@finds("exploration.start")
def random_actions_at_the_start(config: Config) -> float:
    return explored(config, 0)


@finds("exploration.end")
def random_actions_after_the_decay(config: Config) -> float:
    return explored(config, 500)


@finds("exploration.final", FALLING)
def random_actions_at_the_end(config: Config) -> float:
    return explored(config, 1_000)


def reported(policy: TrainingPolicy, env_steps: int) -> float:
    """Epsilon or the temperature, as the tracker has it."""
    (value,) = policy.metrics(env_steps).values()
    return value


def first_at_its_least(config: Config) -> int:
    """The env steps after which exploration falls no further."""
    policy = builders.make_agent(config, SPEC).policy
    values = [reported(policy, env_steps) for env_steps in range(2_000)]
    return min(env_steps for env_steps, value in enumerate(values) if math.isclose(value, values[-1], rel_tol=1e-6))


@finds("exploration.decay_env_steps")
@finds("exploration.decay_env_steps", {"exploration.kind": "softmax"})
@finds("exploration.decay_env_steps", {"exploration.kind": "persistent"})
def env_steps_of_the_decay(config: Config) -> int:
    return first_at_its_least(config)


@finds("exploration.final_env_steps", FALLING)
def env_steps_of_the_whole_fall(config: Config) -> int:
    return first_at_its_least(config)


@finds("env_steps", {"exploration.final": 0.15})
def env_steps_of_a_fall_over_the_run(config: Config) -> int:
    return first_at_its_least(config)


@finds("exploration.ladder_alpha", {"exploration.kind": "ladder"})
def exponent_of_the_last_environment(config: Config) -> float:
    first = config.exploration.start
    last = 2 * reported(builders.make_agent(config, SPEC).policy, 0) - first  # the mean of two is reported
    return math.log(last) / math.log(first) - 1


@finds("exploration.persistence", {"exploration.kind": "persistent"})
def exponent_between_one_decision_and_two(config: Config) -> float:
    once, twice = builders.make_agent(config, SPEC).policy._cumulated[:2].tolist()
    return math.log2(once / (twice - once))


@finds("exploration.start", {"exploration.kind": "softmax"})
@finds("exploration.start", {"exploration.kind": "persistent"})
def temperature_or_epsilon_that_is_reported(config: Config) -> float:
    return reported(builders.make_agent(config, SPEC).policy, 0)
