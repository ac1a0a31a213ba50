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

from rlvision.config.schema import Config
from rlvision.core.errors import CheckpointError, ConfigError, describe_value
from rlvision.core.types import EnvSpec
from rlvision.envs.pixel_env import PixelEnv
from rlvision.envs.pixel_vector_env import PixelVectorEnv
from rlvision.envs.settings import EnvSettings
from rlvision.runs import builders
from rlvision.runs.python_settings import config_of
from rlvision.runs.run_folder import require_same_spec

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


def make_pixel_env(settings: EnvSettings, num_envs: int | None) -> PixelEnv | PixelVectorEnv:
    """Make one environment, or a vector of ``num_envs``.

    Raises:
        RLVisionError: as in `make_env`.
    """
    if num_envs is None:
        return PixelEnv(settings)
    if type(num_envs) is not int:
        raise ConfigError(f"expected num_envs to be a number or None, got {describe_value(num_envs)}: pass a number")
    return PixelVectorEnv(settings, num_envs)


def make_env_of_run(config: Config, spec: EnvSpec, num_envs: int | None) -> PixelEnv | PixelVectorEnv:
    """Make environments of a run's kind, with whole games even if a lost life ended the run's episodes.

    Raises:
        CheckpointError: they are not those that the run was trained in.
    """
    env = make_pixel_env(replace(config.env, life_loss=None), num_envs)
    rows = env.vector.rows if isinstance(env, PixelEnv) else env.rows
    try:
        require_same_spec(replace(spec, num_envs=rows.spec.num_envs), rows.spec)
    except CheckpointError:
        env.close()
        raise
    return env
