"""Worlds that each have one fault, for `rlvision check`."""

import random
from typing import ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, MultiBinary


class Sound(gymnasium.Env):
    """Ten steps a game, of which the ninth pays; the picture is as bright as the game is old, with a random edge."""

    metadata: ClassVar = {"render_modes": [], "render_fps": 200}
    observation_space = gymnasium.spaces.Box(0, 255, (40, 48, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)
    actions_named = ("left", "right")

    def get_action_meanings(self):
        return list(self.actions_named)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.now, self.edge = 0, self.drawn()
        return self.picture(), {}

    def step(self, action):
        self.now += 1
        return self.picture(), self.reward(), self.ends(), False, {}

    def drawn(self):
        return int(self.np_random.integers(256))

    def reward(self):
        return float(self.now == 9)

    def ends(self):
        return self.now == 10

    def picture(self):
        picture = np.full((40, 48, 3), 20 * self.now % 256, np.uint8)
        picture[-1] = self.edge
        return picture


class NoReward(Sound):
    def reward(self):
        return 0.0


class LargeReward(Sound):
    def reward(self):
        return 250.0 * (self.now == 9)


class Endless(Sound):
    def ends(self):
        return False


class Blind(Sound):
    def picture(self):
        return np.full((40, 48, 3), 7, np.uint8)


class Black(Sound):
    def picture(self):
        return np.zeros((40, 48, 3), np.uint8)


class Dim(Sound):
    """Symbols from 0 to 15, declared as 0 to 255."""

    def picture(self):
        return super().picture() // 16


class OneGray(Sound):
    """A red and a green that are one gray."""

    def picture(self):
        picture = super().picture()
        picture[:9], picture[9:18] = (200, 0, 0), (0, 102, 0)
        return picture


class Photo(OneGray):
    """Too many colours for all of them to have a gray of their own."""

    def picture(self):
        picture = super().picture()
        picture[18:30, :, 0] = np.arange(12 * 48).reshape(12, 48) % 256
        return picture


class Forgetful(Sound):
    def drawn(self):
        return random.SystemRandom().randrange(256)


class Always(Sound):
    def drawn(self):
        return 0


class Unscaled(Sound):
    """Declares 0 to 255, and returns 0 to 1."""

    observation_space = Box(0, 255, (40, 48, 3), np.float32)

    def picture(self):
        return super().picture().astype(np.float32) / 255


class Sized(Sound):
    """Takes the height of its picture."""

    def __init__(self, height=40):
        self.observation_space = Box(0, 255, (height, 48, 3), np.uint8)

    def picture(self):
        return np.resize(super().picture(), self.observation_space.shape)


class Asked(Sound):
    """Gives its masks as sb3-contrib wants them."""

    def action_masks(self):
        return np.ones(2, dtype=bool)


class Inside(Sound):
    """Gives its masks as PettingZoo does."""

    observation_space = Dict(observation=Box(0, 255, (40, 48, 3), np.uint8), action_mask=MultiBinary(2))

    def picture(self):
        return {"observation": super().picture(), "action_mask": np.ones(2, dtype=np.int8)}


class Symbols(Sound):
    """A grid of the symbols 0 to 3, which nothing renders."""

    observation_space = Box(0, 3, (40, 48), np.int64)

    def picture(self):
        return super().picture()[:, :, 0].astype(np.int64) % 4
