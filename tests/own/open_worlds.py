"""Worlds as people write them: other pictures, other names, other constructors; one game of six steps in all."""

import functools

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Tuple


class Striped(gymnasium.Env):
    """One bright row that moves down a picture [30, 28, 3]; no render modes and no arguments."""

    action_space = Discrete(3)
    observation_space = Box(0, 255, (30, 28, 3), np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.observe(), {}

    def step(self, action):
        self.count += 1
        return self.observe(), self.pay(), self.count == 6, False, {}

    def pay(self):
        return 1.0

    def observe(self):
        picture = np.zeros((30, 28, 3), np.uint8)
        picture[self.count] = 200
        return picture


class Told(Striped):
    """Is told its space, how to show itself, and the names of its actions."""

    def __init__(self, space=None, show=None, names=None, actions=3):
        self.observation_space = space or Striped.observation_space
        self.show = show or (lambda picture: picture)
        self.action_space = Discrete(actions)
        if names is not None:
            self.get_action_meanings = names

    def observe(self):
        return self.show(super().observe())


class Captioned(Striped):
    """Its picture is what is played; render() shows something else."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def render(self):
        return np.full((40, 40, 3), 7, np.uint8)


class Symbols(Captioned):
    """A Dict whose image is a small grid of symbols, as MiniGrid's is."""

    observation_space = Dict({"image": Box(0, 255, (7, 7, 3), np.uint8), "mission": Discrete(2)})

    def observe(self):
        return {"image": np.full((7, 7, 3), self.count, np.uint8), "mission": 0}


class Levelled(Striped):
    """Needs a level, and may be given a name."""

    def __init__(self, level, *, name="mine"):
        self.level = level


class Eyes(Striped):
    """Two pictures, one inside a Tuple inside a Dict."""

    observation_space = Dict(
        {"front": Striped.observation_space, "back": Tuple([Discrete(2), Striped.observation_space])}
    )

    def observe(self):
        return {"front": super().observe(), "back": (0, 255 - super().observe())}


class Counted(Striped):
    """Observes a number, renders a picture, and notes how it was made."""

    metadata = {"render_modes": ["human", "rgb_array"]}  # noqa: RUF012
    observation_space = Discrete(7)
    made: list = []  # noqa: RUF012

    def __init__(self, render_mode=None, **kwargs):
        self.render_mode = render_mode
        Counted.made.append({"render_mode": render_mode, **kwargs})

    def observe(self):
        return self.count

    def render(self):
        return super().observe()


class Forgets(Counted):
    """Takes a render mode and does not keep it."""

    def __init__(self, render_mode=None):
        super().__init__()


class Insists(Counted):
    """Has no default for its render mode."""

    def __init__(self, render_mode):
        super().__init__(render_mode)


class Passes(Counted):
    """Takes any argument, and hands it to something that takes no render mode."""

    def __init__(self, **kwargs):
        self._open(**kwargs)

    def _open(self, depth=0):
        Counted.__init__(self, depth=depth)


class Mirror(gymnasium.ObservationWrapper):
    """A Wrapper class as a world."""

    def __init__(self):
        super().__init__(Striped())

    def observation(self, observation):
        return observation[::-1, ::-1]


class NamedCart(gymnasium.Wrapper):
    """One of Gymnasium's own, with names."""

    def __init__(self, render_mode=None):
        super().__init__(gymnasium.make("CartPole-v1", render_mode=render_mode))

    def get_action_meanings(self):
        return ["left", "right"]


class Outer:
    """A class in a class."""

    class Inner(Striped):
        """A world."""


class Floating(Striped):
    """Pays what it is told to."""

    def __init__(self, pay):
        self.pay = pay


class Unnamed(Striped):
    """Attributes that raise an error, or are something else."""

    metadata = {"render_fps": "fast", "render_modes": 3}  # noqa: RUF012

    @property
    def actions(self):
        raise RuntimeError("ask me later")


class Duck:
    """All the methods of a world, and no base class."""

    observation_space = Striped.observation_space
    action_space = Discrete(3)

    def reset(self, *, seed=None, options=None):
        return np.zeros((30, 28, 3), np.uint8), {}


class Old(Striped):
    """Written for gym before 0.26."""

    def reset(self):
        self.count = 0
        return self.observe()


class OldRendering(Counted):
    """Renders as gym before 0.26."""

    metadata = {"render.modes": ["rgb_array"]}  # noqa: RUF012


class Speechless(Striped):
    """Has no action space before its first game."""

    action_space = None


def build(size=3):
    """Make a world, as a function."""
    return Told(actions=size)


two_actions = functools.partial(build, size=2)
five_actions = lambda: build(5)  # noqa: E731
gymnasium.register("Open-v0", entry_point="open_worlds:Striped", max_episode_steps=4)
gymnasium.register("Closed", entry_point=lambda: Striped())
