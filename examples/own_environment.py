"""An environment of your own: a Gymnasium class with a Discrete action space and pictures as observations.

Run it from this folder, by this script or by the command line::

    python own_environment.py
    rlvision train own_environment:Catch --env.height=37 --env.width=37 --env-steps=12000 \
        --replay.learning-starts=1000 --exploration.decay-env-steps=6000 --out=runs/catch
    rlvision watch runs/catch --trust-imports --html=catch.html
"""

import argparse
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

import rlvision

Picture = npt.NDArray[np.uint8]


class Catch(gymnasium.Env[Picture, np.int64]):
    """A ball falls through eight rows; a paddle in the last one catches it, or does not.

    The observation is the picture, [32, 32, 3] uint8. A game is one ball: +1 where it is caught, else -1.
    """

    observation_space = gymnasium.spaces.Box(0, 255, (32, 32, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)  # left, stay, right

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        """Drop a ball in a column drawn from the environment's own random numbers."""
        super().reset(seed=seed)
        self.ball, self.column, self.paddle = 0, int(self.np_random.integers(8)), 4
        return self._picture(), {}

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        """Move the paddle by one column, and let the ball fall by one row."""
        self.paddle = min(max(self.paddle + int(action) - 1, 0), 7)
        self.ball += 1
        landed = self.ball == 7
        caught = 1.0 if self.paddle == self.column else -1.0
        return self._picture(), caught if landed else 0.0, landed, False, {}

    def _picture(self) -> Picture:
        cells = np.zeros((8, 8), np.uint8)
        cells[self.ball, self.column] = cells[7, self.paddle] = 255
        return np.repeat(cells.repeat(4, 0).repeat(4, 1)[..., None], 3, axis=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train DQN on it.")
    parser.add_argument("--env-steps", type=int, default=12_000)
    parser.add_argument("--out", default="runs/catch")
    arguments = parser.parse_args()
    settings = {
        "env.height": 37,  # DN sees all of 37x37
        "env.width": 37,
        "replay.learning_starts": 1_000,
        "exploration.decay_env_steps": 6_000,
        "env_steps": arguments.env_steps,
        "out": arguments.out,
    }
    run = rlvision.train("own_environment:Catch", settings)
    print(f"mean score of 20 games: {run.evaluate(games=20).mean:.2f} of 1")
