"""Observations of a trained agent's own games."""

from contextlib import closing

import numpy as np

from rlvision.core.types import UInt8Array
from rlvision.runs.run import Run

ENVS = 8


def observe(run: Run, count: int, seed: int, random_actions: float) -> UInt8Array:
    """``count`` observations [count, C, H, W] of eight games side by side, every second one.

    Args:
        run: who plays.
        count: how many.
        seed: of the games and of what is random.
        random_actions: the share of actions that are.
    """
    generator = np.random.default_rng(seed)
    seen: list[UInt8Array] = []
    with closing(run.make_env(ENVS)) as env:
        env.reset(seed)
        for step in range(2 * -(-count // ENVS)):
            if step % 2 == 0:
                seen.append(env.observation)
            at_random = generator.random(ENVS) < random_actions
            any_action = generator.integers(run.spec.num_actions, size=ENVS)
            env.step(np.where(at_random, any_action, run.act(env.observation)))
    return np.concatenate(seen)[:count]
