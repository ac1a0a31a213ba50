"""Worlds as an agent sees them, made for any program that takes Gymnasium's environments.

::

    rlvision.make_env("pong")                     one gymnasium.Env
    rlvision.make_env("pong", 8)                  a gymnasium.vector.VectorEnv of 8
    rlvision.make_env("mine:World", preset="pixels", env={"height": 64, "width": 64})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from rlvision.envs.pixel_env import PixelEnv, PixelVectorEnv, make_pixel_env
from rlvision.runs import builders
from rlvision.runs.python_settings import config_of

if TYPE_CHECKING:
    from rlvision.runs.python_settings import World

Settings = Mapping[str, Any] | None


@overload
def make_env(
    world: World, num_envs: None = None, settings: Settings = None, *, preset: str | None = None, **changes: Any
) -> PixelEnv: ...
@overload
def make_env(
    world: World, num_envs: int, settings: Settings = None, *, preset: str | None = None, **changes: Any
) -> PixelVectorEnv: ...
def make_env(
    world: World,
    num_envs: int | None = None,
    settings: Settings = None,
    *,
    preset: str | None = None,
    **changes: Any,
) -> PixelEnv | PixelVectorEnv:
    """Make a world as an agent sees it, by Gymnasium's interface: pictures [C, H, W] uint8, raw rewards, whole games.

    Args:
        world: as in `rlvision.train`.
        num_envs: None for one `gymnasium.Env`; a number for a `gymnasium.vector.VectorEnv` of as many.
        settings: changes of the world's settings, by dotted name or nested.
        preset: of the settings, in place of the one that suits the world.
        changes: more settings, as keywords.

    Raises:
        RLVisionError: there is no such world, or it does not support the settings.
    """
    config = builders.complete(replace(config_of(world, settings, preset, changes, continues=False), out=None))
    return make_pixel_env(config.env, num_envs)
