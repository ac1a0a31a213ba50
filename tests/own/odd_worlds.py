"""Environments that are odd in one way each, for the tests of what rendering and workers do with them."""

import os
import time
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete

import rlvision.envs.worker


class Odd(gymnasium.Env):
    """A Gymnasium environment whose picture [4, 6, 3] counts its steps; the base of the others."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    action_space = Discrete(3)
    observation_space = Box(-1, 1, (2,))

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.observe(), {}

    def step(self, action):
        self.count += 1
        return self.observe(), float(action), self.count == 6, False, {}

    def observe(self):
        return np.zeros(2, np.float32)

    def render(self):
        return np.full((4, 6, 3), self.count * 10 % 256, np.uint8)


class FromFive(Odd):
    """Actions 5, 6 and 7; rewards are the action."""

    action_space = Discrete(3, start=5)


class GrayImage(Odd):
    """A gray image observation and no render mode; it draws into the same array again and again."""

    metadata = {"render_modes": []}  # noqa: RUF012
    observation_space = Box(0, 255, (4, 6), np.uint8)

    def __init__(self):
        super().__init__()
        self.canvas = np.zeros((4, 6), np.uint8)

    def observe(self):
        self.canvas[:] = self.count * 10
        return self.canvas


class Flicker(GrayImage):
    """Bright on odd steps alone."""

    def observe(self):
        self.canvas[:] = 200 * (self.count % 2) + self.count
        return self.canvas


class Forgetful(Odd):
    """Not deterministic: pixels of its own entropy."""

    def render(self):
        return np.random.default_rng().integers(0, 256, (4, 6, 3), np.uint8)


class Invisible(Odd):
    """Neither an image nor a render mode."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self):
        super().__init__()


class Stacking(Odd):
    """Stacks its last frames itself."""

    def __init__(self, shape, render_mode=None):
        super().__init__(render_mode)
        self.observation_space = Box(0, 255, shape, np.uint8)

    def observe(self):
        return np.zeros(self.observation_space.shape, np.uint8)


class Steering(Odd):
    """Continuous actions."""

    action_space = Box(-1, 1, (2,))


class Buttons(Odd):
    """Several actions at once."""

    action_space = MultiDiscrete([2, 3])


class Mortal(Odd):
    """Takes its process with it in its third step."""

    def step(self, action):
        if self.count == 2:
            os._exit(7)
        return super().step(action)


class Endless(Odd):
    """Never ends by itself."""

    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, False, truncated, info


class Waiting(Odd):
    """A step lasts until there is a file."""

    def __init__(self, path, render_mode=None):
        super().__init__(render_mode)
        self.path = Path(path)

    def step(self, action):
        for _ in range(2000):
            if self.path.exists():
                return super().step(action)
            time.sleep(0.005)
        raise TimeoutError("nobody wrote the file")


class Hurried(Waiting):
    """A step never ends, and its worker outlives its parent for a tenth of a second in place of five."""

    def __init__(self, path, render_mode=None):
        super().__init__(path, render_mode)
        rlvision.envs.worker.GRACE_SECONDS = 0.1

    def step(self, action):
        while True:
            time.sleep(0.005)
