"""Checks of the action masks that a world gives, and of the actions that are sent to it.

The world's word is ``info["action_mask"]``: a one-dimensional array of A booleans, or of A zeros and ones. It comes
with every reset and every step, or never. torch is not loaded here, since worker processes do without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from rlvision.core.errors import EnvError, describe_value

if TYPE_CHECKING:
    from rlvision.core.types import BoolArray, IntArray
    from rlvision.envs.env_group import EnvRunner

ACTION_MASK = "action_mask"
MASK_LINE = "it says which actions are legal (info['action_mask']): the agent acts and learns with these alone"


def read_mask(info: Mapping[str, Any], num_actions: int, terminated: bool) -> BoolArray:
    """Return the mask [A] of an ``info``; all actions after the end of a game that leaves none.

    Raises:
        EnvError: there is no mask, it is none of A actions, or a game that goes on has no legal action.
    """
    if ACTION_MASK not in info:
        raise EnvError(
            "expected info['action_mask'] from every reset and step, since there was one before, got none: return it "
            "always, or never"
        )
    mask = _as_bools(info[ACTION_MASK], num_actions)
    if mask.any():
        return mask
    if not terminated:
        raise EnvError(
            "expected a legal action in a state that is not the end of the game, got an info['action_mask'] without "
            "one: return terminated=True where no action is left, or allow one that does nothing"
        )
    return np.ones(num_actions, dtype=np.bool_)


def note_other_masks(env: gymnasium.Env[Any, Any], observed: object) -> str | None:
    """Return a line about masks in a place that is not read: in the observation, or in ``action_masks()``."""
    place = "observation" if isinstance(observed, Dict) and ACTION_MASK in observed.spaces else None
    layer: Any = env
    while layer is not None and place is None:
        place = "action_masks()" if callable(getattr(layer, "action_masks", None)) else None
        layer = layer.env if isinstance(layer, gymnasium.Wrapper) else None
    return place and f"it has masks of legal actions in its {place}; only info['action_mask'] is read: give them there"


def _as_bools(given: Any, num_actions: int) -> BoolArray:
    """Return a mask [A] as a new array of booleans."""
    try:
        values = np.asarray(given)
    except ValueError:  # of lists of unequal lengths
        values = np.empty(0, dtype=object)
    if values.shape != (num_actions,) or values.dtype.kind not in "biu" or not np.isin(values, (0, 1)).all():
        got = describe_value(given) if values.dtype == object or not values.ndim else _describe(values)
        raise EnvError(
            f"expected info['action_mask'] as a one-dimensional array of {num_actions} booleans or of zeros and ones, "
            f"one an action, got {got}: let the environment return np.array([...], dtype=bool)"
        )
    return values.astype(np.bool_)


def _describe(values: np.ndarray[Any, Any]) -> str:
    """Return dtype and shape of an array, and its values if they are few."""
    return f"{values.dtype} {list(values.shape)}" + (f" of {values.tolist()}" if values.size <= 20 else "")


def write_mask(masks: BoolArray, place: int, runner: EnvRunner) -> None:
    """Write the mask of one environment into those of all, [n, A]; n empty ones if the world gave none at first.

    Raises:
        EnvError: the environment gives masks and the others do not, or the reverse.
    """
    mask = runner.action_mask
    if mask is None or len(mask) != masks.shape[1]:
        raise EnvError(
            f"expected info['action_mask'] from every reset and step of {runner.name}, or from none, as from its first "
            f"reset, got {'none' if mask is None else 'one'}: return it always, or never"
        )
    masks[place] = mask


def require_legal(action: IntArray, masks: BoolArray, names: tuple[str, ...]) -> None:
    """Refuse actions [N] outside their masks [N, A].

    Raises:
        EnvError: the message has the first such action.
    """
    illegal = np.flatnonzero(~masks[np.arange(len(action)), action])
    if len(illegal):
        place = int(illegal[0])
        legal = ", ".join(names[index] for index in np.flatnonzero(masks[place]))
        raise EnvError(
            f"expected a legal action in environment {place} ({legal}), got {names[int(action[place])]}: choose among "
            "those that env.action_mask allows"
        )
