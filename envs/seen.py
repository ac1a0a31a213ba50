"""The words for what an agent sees of a world; a world of which there is nothing to see is refused."""

from __future__ import annotations

from typing import Any

import gymnasium

from rlvision.core.errors import EnvError
from rlvision.envs.mask_checks import ACTION_MASK
from rlvision.envs.pictures import WRAPPER, PictureView, describe_space, small_pictures
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import read_attribute, render_modes

DECLARE = (
    "name rgb_array in the metadata['render_modes'] of the environment's class and take render_mode in its constructor"
)
"""Remedy for a world that cannot render pictures."""


def describe_seen(env: gymnasium.Env[Any, Any], view: PictureView | None, settings: EnvSettings) -> str:
    """Return what is seen, as a part of a line.

    Args:
        env: the environment.
        view: of the picture in its observation; None if ``render()`` is seen.
        settings: of the environment.

    Raises:
        EnvError: there is no picture in the observation, and nothing is rendered.
    """
    observed = read_attribute(env, "observation_space", None)
    gray = ", in gray" if settings.gray else ""
    if view is not None:
        has_colours = view.channels > 1 and not view.is_binary
        return f"{view.describe()}{gray if has_colours else ''}{_unused_entries(observed, view)}"
    if read_attribute(env, "render_mode", None) is None:
        raise _nothing_to_see(env, settings.game, observed)
    keys = [] if settings.image_key else small_pictures(observed)
    hint = f"; env.image_key={keys[0]} sees that part" if keys else ""
    return f"render(){gray}; its observation, {describe_space(observed)}, is not used{hint}"


def _nothing_to_see(env: gymnasium.Env[Any, Any], who: str, observed: object) -> EnvError:
    modes = render_modes(env)
    make = "make it with render_mode='rgb_array'" if "rgb_array" in modes else DECLARE
    return EnvError(
        f"expected an image observation or an rgb_array render mode, got neither from {who} (observation "
        f"{describe_space(observed)}, render modes {', '.join(map(str, modes)) or 'none'}): {make}; or {WRAPPER}"
    )


def _unused_entries(space: object, view: PictureView) -> str:
    """Return that the entries of a Dict beside the picture are not used, as the end of a line."""
    if not isinstance(space, gymnasium.spaces.Dict):
        return ""
    others = [str(key) for key in space.spaces if str(key) not in (view.path[0], ACTION_MASK)]
    return f"; {', '.join(others)} {'are' if len(others) > 1 else 'is'} not used" if others else ""
