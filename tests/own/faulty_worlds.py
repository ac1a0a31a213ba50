"""Environments that fail where a test wants them to."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from odd_worlds import GrayImage, Odd

from rlvision.envs.counting_env import CountingEnv


def fail(how):
    """Raise, leave, die or hang."""
    if how == "raise":
        raise ValueError("the wheel\ncame off")
    if how == "exit":
        sys.exit("no petrol")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "leave":
        os._exit(7)
    if how == "abort":
        os.abort()
    while True:
        time.sleep(0.1)


class Failing(CountingEnv):
    """Fails in step ``at`` (0: the reset) of the games whose seeds are given, or of all."""

    def __init__(self, how="raise", at=3, games=None, lengths=(6,), actions=4):
        super().__init__(lengths=lengths, actions=actions)
        self.how, self.at, self.games = how, at, games

    def reset(self, **kwargs):
        result = super().reset(**kwargs)
        self.fail_if_due()
        return result

    def step(self, action):
        result = super().step(action)
        self.fail_if_due()
        return result

    def fail_if_due(self):
        if self._step == self.at and (self.games is None or self._game in self.games):
            fail(self.how)


class Petrol(CountingEnv):
    """Works while there is a file."""

    def __init__(self, path):
        super().__init__(lengths=(6,))
        self.path = Path(path)

    def step(self, action):
        if not self.path.exists():
            raise OSError("out of petrol")
        return super().step(action)


class Returning(Odd):
    """Returns something else from its third step, field by field or as a whole."""

    def __init__(self, render_mode=None, result=None, **fields):
        super().__init__(render_mode)
        self.result, self.fields = result, fields

    def step(self, action):
        result = dict(zip(("observation", "reward", "terminated", "truncated", "info"), super().step(action)))  # noqa: B905
        if self.count < 3:
            return tuple(result.values())
        return self.result or tuple({**result, **self.fields}.values())


class ReturningImage(GrayImage):
    """An image observation that is another from the third step on."""

    def __init__(self, shape=(4, 6), dtype="uint8"):
        super().__init__()
        self.shape, self.dtype = shape, dtype

    def observe(self):
        return super().observe() if self.count < 3 else np.zeros(self.shape, self.dtype)


class Growing(Odd):
    """Renders itself larger from the third step on, or as something that is no picture."""

    def __init__(self, shape, dtype="uint8", render_mode=None):
        super().__init__(render_mode)
        self.shape, self.dtype = shape, dtype

    def render(self):
        return super().render() if self.count < 3 else np.zeros(self.shape, self.dtype)


class DrawnTwice(Odd):
    """Hangs when it draws the same picture twice, as somebody who watches asks it to."""

    drawn = -1

    def render(self):
        if self.drawn == self.count:
            fail("hang")
        self.drawn = self.count
        return super().render()


class BadReset(Odd):
    """Its reset returns no pair."""

    def reset(self, **kwargs):
        return super().reset(**kwargs)[0]


class Stillborn(Odd):
    """Fails as it is made."""

    def __init__(self, render_mode=None):
        raise RuntimeError("no licence")


class Unborn(GrayImage):
    """Takes its process with it as it is made, if that is a worker; or only from its second worker on."""

    def __init__(self, how, after=None):
        super().__init__()
        if multiprocessing.parent_process() is not None:
            if after is None or Path(after).exists():
                fail(how)
            Path(after).touch()


class Clinging(Odd):
    """Fails as it is closed."""

    def close(self):
        raise RuntimeError("still in use")
