"""Environments that fail, in a module of their own: it brings no torch into a worker."""

import multiprocessing
import os
import signal

from rlvision.envs.counting_env import CountingEnv

LENGTH = 9


class Flaky(CountingEnv):
    """Raises, or dies, in the fifth step of every third game."""

    def __init__(self, how="raise"):
        super().__init__(lengths=(LENGTH,))
        self.how = how

    def step(self, action):
        if self._game % 3 == 0 and self._step == 4:
            if (
                self.how == "kill" and multiprocessing.parent_process()
            ):  # in an evaluation of one game there is no worker
                os.kill(os.getpid(), signal.SIGKILL)
            raise ConnectionError("the simulator is gone")
        return super().step(action)


class OnPetrol(CountingEnv):
    """Works while there is a file."""

    def __init__(self, path):
        super().__init__(lengths=(LENGTH,))
        self.path = path

    def step(self, action):
        if not os.path.exists(self.path):  # noqa: PTH110
            raise OSError("out of petrol")
        return super().step(action)


class Poisoned(CountingEnv):
    """Pays NaN in the end."""

    def step(self, action):
        picture, reward, *rest = super().step(action)
        return picture, float("nan") if self._step == 5 else reward, *rest
