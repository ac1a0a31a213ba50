"""Observations of a trained agent's own games."""

from contextlib import closing

import numpy as np

from rlvision.core.types import UInt8Array
from rlvision.runs import builders
from rlvision.runs.run import Run

ENVS = 8


def observe(run: Run, count: int, seed: int, random_actions: float) -> UInt8Array:
    """Return ``count`` observations [count, C, H, W], every second one of eight parallel games.

    Args:
        run: the agent that plays.
        count: number of observations.
        seed: of the games and of the random actions.
        random_actions: share of random actions.
    """
    generator = np.random.default_rng(seed)
    seen: list[UInt8Array] = []
    with closing(builders.make_env(run.config, ENVS)) as env:
        env.reset(seed)
        for step in range(2 * -(-count // ENVS)):
            if step % 2 == 0:
                seen.append(env.observation)
            at_random = generator.random(ENVS) < random_actions
            any_action = generator.integers(run.spec.num_actions, size=ENVS)
            env.step(np.where(at_random, any_action, run.act(env.observation)))
    return np.concatenate(seen)[:count]
