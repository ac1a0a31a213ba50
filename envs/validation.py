"""Checks of the spaces that a Gymnasium environment declares and of the values that it returns.

An environment that breaks Gymnasium's contract is refused at once, before wrong data reaches the replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete

from rlvision.core.errors import EnvError, describe_value

if TYPE_CHECKING:
    from rlvision.core.types import UInt8Array

Info = dict[str, Any]
"""Gymnasium's ``info``."""
MAX_REWARD = float(np.finfo(np.float32).max)
"""Largest reward that float32 can hold; the replay would store larger ones as infinity."""


def discrete_space(env: gymnasium.Env[Any, Any]) -> Discrete:
    """Return the environment's action space, A actions counted from ``start``.

    Raises:
        EnvError: it is not Discrete.
    """
    space = read_attribute(env, "action_space", None)
    if space is None:
        raise EnvError(f"expected an action space when {env.unwrapped} is made, got none: set it in its __init__")
    if not isinstance(space, Discrete):
        raise EnvError(
            f"expected a Discrete action space, got {space} of {env.unwrapped}: wrap it in one whose "
            "actions are numbered, or use a library for continuous actions"
        )
    return space


def check_reset(result: Any) -> tuple[Any, Info]:
    """Return observation and info out of the result of ``reset``.

    Raises:
        EnvError: the result is no tuple of two.
    """
    observation, info = _expect_tuple(result, "reset(seed=...)", ("observation", "info"))
    return observation, info if isinstance(info, dict) else {}


def check_step(result: Any) -> tuple[Any, float, bool, bool, Info]:
    """Return observation, reward, terminated, truncated and info out of the result of ``step``.

    Raises:
        EnvError: the result is not a tuple of five, the reward is not finite, or a flag is not a bool.
    """
    names = ("observation", "reward", "terminated", "truncated", "info")
    observation, reward, terminated, truncated, info = _expect_tuple(result, "step(action)", names)
    flags = check_flag("terminated", terminated), check_flag("truncated", truncated)
    return observation, check_reward(reward), *flags, info if isinstance(info, dict) else {}


def check_reward(reward: Any) -> float:
    """Return the reward as a number that float32 can hold.

    Raises:
        EnvError: it is not one.
    """
    if type(reward) is not float and (np.ndim(reward) or reward is None or isinstance(reward, str | bytes)):
        raise EnvError(f"expected a number as reward, got {describe_value(reward)}: return a float")
    try:
        number = float(reward)
    except (TypeError, ValueError, OverflowError) as error:
        raise EnvError(f"expected a number as reward, got {describe_value(reward)}: return a float") from error
    if not abs(number) <= MAX_REWARD:
        raise EnvError(f"expected a finite reward, got {number}: fix the environment's reward")
    return number


def check_flag(name: str, flag: Any) -> bool:
    """Return ``terminated`` or ``truncated`` as a bool; 0 and 1 are accepted.

    Raises:
        EnvError: it is none of these.
    """
    if type(flag) is not bool and (np.ndim(flag) != 0 or flag not in (0, 1)):
        raise EnvError(f"expected {name} to be True or False, got {describe_value(flag)}: return a bool")
    return bool(flag)


def check_screen(screen: object) -> UInt8Array:
    """Return a screen as [H, W, 1] or [H, W, 3].

    Raises:
        EnvError: it is not a uint8 picture.
    """
    picture = np.asarray(screen)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3):
        is_array = picture.dtype != np.object_
        got = f"{picture.dtype} {list(picture.shape)}" if is_array else f"a {type(screen).__name__} from render()"
        raise EnvError(
            f"expected a uint8 picture [H, W, 3], [H, W, 1] or [H, W], got {got}: "
            "let the environment return or render one"
        )
    return picture


def check_size(picture: UInt8Array, shape: tuple[int, ...]) -> UInt8Array:
    """Return ``picture`` if it has the expected shape.

    Raises:
        EnvError: its shape differs from ``shape``, that of the first picture.
    """
    if picture.shape != shape:
        raise EnvError(
            f"expected a picture {list(shape)}, as the first was, got {list(picture.shape)}: "
            "let the environment return pictures of one size"
        )
    return picture


def render_modes(env: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    """Return the render modes that an environment declares; none if it declares something else."""
    metadata = read_attribute(env, "metadata", {})
    modes = metadata.get("render_modes") if isinstance(metadata, Mapping) else None
    return tuple(modes) if isinstance(modes, list | tuple | set | frozenset) else ()


def read_attribute(env: object, name: str, default: Any) -> Any:
    """Return an attribute of a user's world, or the default if there is none or it raises an error."""
    try:
        return getattr(env, name, default)
    except Exception:  # a property of a user's world may raise anything, and the default stands for it
        return default


def _expect_tuple(result: Any, call: str, names: tuple[str, ...]) -> tuple[Any, ...]:
    if not isinstance(result, tuple) or len(result) != len(names):
        got = f"{len(result)} values" if isinstance(result, tuple) else describe_value(result)
        old = ", which was written for gym before 0.26: return terminated and truncated in place of done"
        is_old = isinstance(result, tuple) and len(result) == 4
        raise EnvError(
            f"expected {call} to return ({', '.join(names)}), got {got}: fix the environment{old if is_old else ''}"
        )
    return result
