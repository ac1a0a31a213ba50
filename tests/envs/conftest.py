"""Playing at random, and comparing what was played."""

import numpy as np
import pytest

FIELDS = ("observation", "action", "reward", "terminated", "truncated", "first")


@pytest.fixture(scope="session")
def play():
    """Rows of random play."""
    return _play


def _play(env, steps, seed=0):
    rng = np.random.default_rng(seed)
    return [env.step(rng.integers(0, env.spec.num_actions, env.spec.num_envs)) for _ in range(steps)]


@pytest.fixture(scope="session")
def column():
    """One field of the rows, [T, N, ...]."""
    return _column


def _column(rows, name):
    return np.stack([getattr(row, name) for row in rows])


@pytest.fixture(scope="session")
def assert_same():
    """All fields agree, bit for bit."""
    return _assert_same


def _assert_same(rows, others):
    for name in FIELDS:
        np.testing.assert_array_equal(_column(rows, name), _column(others, name), err_msg=name)
