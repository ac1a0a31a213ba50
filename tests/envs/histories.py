"""Playing at random, and comparing what was played."""

import numpy as np

FIELDS = ("observation", "action", "reward", "terminated", "truncated", "first")


def play(env, steps, seed=0):
    """Rows of random play."""
    rng = np.random.default_rng(seed)
    return [env.step(rng.integers(0, env.spec.num_actions, env.spec.num_envs)) for _ in range(steps)]


def column(rows, name):
    """One field of the rows, [T, N, ...]."""
    return np.stack([getattr(row, name) for row in rows])


def assert_same(rows, others):
    """All fields agree, bit for bit."""
    for name in FIELDS:
        np.testing.assert_array_equal(column(rows, name), column(others, name), err_msg=name)
