"""Rollouts of the counting environment, whose pictures say which game and step they are of."""

import numpy as np
from small_envs import rendered

from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array
from rlvision.envs.screen import make_screen
from rlvision.watch.rollout import Rollout

SIZE = 32
ACTIONS = 3


class Cycle:
    """A policy that takes the actions in turn."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        return np.full(len(observation), env_steps % ACTIONS, dtype=np.int64)


def step_as_q_values(observation: UInt8Array) -> FloatArray:
    """Q-values [N, A] that tell the step of the newest frame: step, step + 1, step + 2."""
    steps = observation[:, -1, 0, 4:8].astype(np.int64) @ [2**24, 2**16, 2**8, 1] - 1
    return (steps[:, None] + np.arange(ACTIONS)).astype(np.float32)


def counting_rollout(*lengths: int, games: int | None = 1, max_steps: int | None = None, seed: int = 0) -> Rollout:
    env = rendered(
        "rlvision.envs.counting_env:CountingEnv",
        1,
        height=SIZE,
        width=SIZE,
        stack=2,
        kwargs={"lengths": lengths, "size": SIZE, "actions": ACTIONS},
    )
    return Rollout(env, make_screen(env), step_as_q_values, Cycle(), seed=seed, games=games, max_steps=max_steps)
