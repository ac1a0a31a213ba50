"""The view of a world: the picture an agent sees and its actions, found once, when the world is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.spaces import Box

from rlvision.envs.action_names import name_actions
from rlvision.envs.mask_checks import note_other_masks
from rlvision.envs.pictures import find_view
from rlvision.envs.process_state import GuardedWorld
from rlvision.envs.seen import describe_seen
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import discrete_space, read_attribute

if TYPE_CHECKING:
    from rlvision.core.types import UInt8Array

DEFAULT_FPS = 30.0
"""Pictures per second of an environment that does not declare them."""
FASTEST, SLOWEST = 240.0, 0.1
"""Limits of the pictures per second that videos and windows keep."""


@dataclass(frozen=True, slots=True)
class WorldView:
    """The view of one world.

    Attributes:
        action_names: A names of the actions.
        picture: reads the picture of an observation; None if ``render()`` is seen.
        lines: about what is seen and what is odd, for the user.
    """

    action_names: tuple[str, ...]
    picture: Callable[[Any], UInt8Array] | None
    lines: tuple[str, ...]


def look_at(env: gymnasium.Env[Any, Any], settings: EnvSettings) -> WorldView:
    """Return the view of an environment.

    Raises:
        ConfigError: ``env.image_key`` names no picture, or is needed.
        EnvError: its observation could be several pictures, or there is nothing to see.
    """
    space, observed = discrete_space(env), read_attribute(env, "observation_space", None)
    if not isinstance(env, GuardedWorld) and isinstance(observed, Box) and len(observed.shape) == 1:
        return WorldView(tuple(map(str, range(space.n))), None, (f"the agent sees render() of {settings.game}",))
    return _look_at_any(env, settings)


def is_gymnasiums_own(env: gymnasium.Env[Any, Any]) -> bool:
    """Return whether an environment is one of Gymnasium's, whatever wraps it."""
    return type(env.unwrapped).__module__.startswith("gymnasium.envs.")


def _look_at_any(env: gymnasium.Env[Any, Any], settings: EnvSettings) -> WorldView:
    who, observed = settings.game, read_attribute(env, "observation_space", None)
    view = find_view(observed, who, settings.image_key, read_attribute(env, "render_mode", None) is not None)
    seen = describe_seen(env, view, settings)
    names, note = name_actions(env, discrete_space(env))
    masks = note_other_masks(env, observed)
    idle = "it has one action: nothing to learn" if len(names) == 1 else None
    lines = [f"the agent sees {seen}", note, masks, idle]
    return WorldView(names, view, tuple(line for line in lines if line))


def declared_fps(env: gymnasium.Env[Any, Any]) -> float:
    """Return the pictures per second that an environment declares, or `DEFAULT_FPS` if that is no number above 0."""
    metadata = read_attribute(env, "metadata", {})
    try:
        fps = float(metadata.get("render_fps"))
    except (AttributeError, TypeError, ValueError):
        return DEFAULT_FPS
    return min(max(fps, SLOWEST), FASTEST) if fps > 0 else DEFAULT_FPS
