"""One environment as an agent sees it, behind Gymnasium's interface of environments."""

from typing import Any

import gymnasium
import numpy as np

from rlvision.core.errors import EnvError, describe_value
from rlvision.core.types import UInt8Array
from rlvision.envs.pixel_vector_env import PICTURES, Info, PixelVectorEnv, check_seed, with_fps
from rlvision.envs.settings import EnvSettings


class PixelEnv(gymnasium.Env[UInt8Array, Any]):
    """One environment as a `gymnasium.Env`.

    Args:
        settings: of the environment.
        render_mode: of Gymnasium; pictures are the only one.

    Attributes:
        vector: the same environment as a vector of one.

    Raises:
        RLVisionError: as in `PixelVectorEnv`.
    """

    metadata: dict[str, Any] = {"render_modes": [PICTURES]}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, settings: EnvSettings, render_mode: str = PICTURES) -> None:
        if render_mode != PICTURES:
            raise EnvError(f"expected render_mode {PICTURES!r}, got {render_mode!r}: leave it out")
        self.vector, self.render_mode = PixelVectorEnv(settings, 1), render_mode
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space
        self.metadata = with_fps(type(self).metadata, self.vector.metadata["render_fps"])
        self.spec = self.vector.spec
        self._over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[UInt8Array, Info]:
        """Begin a game.

        Args:
            seed: of this game, and of the later ones that begin without a seed. None: the next seed, or one at random
                if there has been none.
            options: ignored.

        Raises:
            EnvError: the seed cannot be used, or no game can begin.
        """
        seed = None if seed is None else check_seed(seed)
        super().reset(seed=seed)
        if seed is None and self._over and self.vector.rows_begun:
            observation, _, _, _, info = self.vector.step(np.zeros(1, dtype=np.int64))
        else:
            observation, info = self.vector.reset(seed=seed)
        self._over = False
        return observation[0], _of_one(info)

    def step(self, action: Any) -> tuple[UInt8Array, float, bool, bool, Info]:
        """Act once.

        Raises:
            EnvError: the action is not one of the A, there is no game, or the environment fails too often.
        """
        if self._over:
            raise EnvError("expected reset() before a game's first step, got step(action): reset the environment")
        actions = np.array([check_action(action, self.vector.rows.spec.num_actions)])
        observation, reward, terminated, truncated, info = self.vector.step(actions)
        self._over = bool(terminated[0] | truncated[0])
        return observation[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), _of_one(info)

    def render(self) -> UInt8Array:
        """Return the game's screen in full colour, a picture [H, W, 3].

        Raises:
            EnvError: there has been no reset.
        """
        return self.vector.render()[0]

    def close(self) -> None:
        """Release the emulator; may be called twice."""
        self.vector.close()

    def __repr__(self) -> str:
        """Return the game, and what an agent sees and does."""
        return repr(self.vector).replace(f"{type(self.vector).__name__}(", "PixelEnv(").replace(" num_envs=1,", "")


def check_action(action: object, num_actions: int) -> int:
    """Return an action as an int.

    Raises:
        EnvError: it is not one of the A.
    """
    number = action.item() if isinstance(action, np.ndarray | np.generic) and action.ndim == 0 else action
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < num_actions:
        raise EnvError(f"expected an action from 0 to {num_actions - 1}, got {describe_value(action)}: choose another")
    return number


def _of_one(info: Info) -> Info:
    """Return the infos of a vector of one, without the vector and its masks."""
    first = {name: values[0] for name, values in info.items() if not name.startswith("_")}
    return {name: value.copy() if value.ndim else value.item() for name, value in first.items()}
