"""What a Gymnasium environment must return, and what is said of one that returns something else.

Such an environment is refused at once: what it would have put into the replay cannot be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
from gymnasium.spaces import Space

from rlvision.core.errors import EnvError
from rlvision.envs.preprocessing import check_screen

if TYPE_CHECKING:
    from rlvision.core.types import UInt8Array

LARGEST = float(np.finfo(np.float32).max)
"""A reward beyond it would be infinite in the replay."""


def check_reset(result: Any) -> Any:
    """The observation out of what ``reset`` returned.

    Raises:
        EnvError: if that is no tuple of two.
    """
    return _expect_tuple(result, "reset(seed=...)", ("observation", "info"))[0]


def check_step(result: Any) -> tuple[Any, float, bool, bool]:
    """Observation, reward, terminated and truncated out of what ``step`` returned.

    Raises:
        EnvError: if that is no tuple of five, the reward is not one finite number, or a flag is neither true nor false.
    """
    names = ("observation", "reward", "terminated", "truncated", "info")
    observation, reward, terminated, truncated, _ = _expect_tuple(result, "step(action)", names)
    return observation, check_reward(reward), check_flag("terminated", terminated), check_flag("truncated", truncated)


def check_reward(reward: Any) -> float:
    """The reward as a number that float32 can hold.

    Raises:
        EnvError: if it is not one.
    """
    if type(reward) is not float and not (isinstance(reward, SupportsFloat) and np.ndim(reward) == 0):  # type: ignore[arg-type]
        raise EnvError(f"expected a number as reward, got {shown(reward)}: return a float")
    number = float(reward)
    if not abs(number) <= LARGEST:
        raise EnvError(f"expected a finite reward, got {number}: mend the environment's reward")
    return number


def check_flag(name: str, flag: Any) -> bool:
    """``terminated`` or ``truncated`` as a bool; 0 and 1 will do.

    Raises:
        EnvError: if it is neither.
    """
    if type(flag) is not bool and (np.ndim(flag) != 0 or flag not in (0, 1)):
        raise EnvError(f"expected {name} to be True or False, got {shown(flag)}: return a bool")
    return bool(flag)


def check_image(observation: Any, space: Space[Any]) -> UInt8Array:
    """An image observation as [H, W, 1] or [H, W, 3].

    Raises:
        EnvError: if it is not of the shape and type that the environment's own observation space declares.
    """
    if not isinstance(observation, np.ndarray) or (observation.shape, observation.dtype) != (space.shape, space.dtype):
        raise EnvError(
            f"expected an observation {space.dtype} {list(space.shape or ())}, as the environment's observation_space "
            f"says, got {shown(observation)}: mend one of them"
        )
    return check_screen(observation)


def check_size(picture: UInt8Array, shape: tuple[int, ...]) -> UInt8Array:
    """The picture.

    Raises:
        EnvError: if its shape is not ``shape``, that of the pictures before.
    """
    if picture.shape != shape:
        raise EnvError(
            f"expected a picture {list(shape)}, as the first was, got {list(picture.shape)}: "
            "let the environment show itself in one size"
        )
    return picture


def shown(value: Any) -> str:
    """What a value is, in a few words."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    words = repr(value)
    return f"{words if len(words) <= 40 else type(value).__name__} of type {type(value).__name__}"


def _expect_tuple(result: Any, call: str, names: tuple[str, ...]) -> tuple[Any, ...]:
    if not isinstance(result, tuple) or len(result) != len(names):
        got = f"{len(result)} values" if isinstance(result, tuple) else shown(result)
        raise EnvError(f"expected {call} to return ({', '.join(names)}), got {got}: mend the environment")
    return result
