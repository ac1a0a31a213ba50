"""Demands of Gymnasium's interface on an environment: recipe, metadata, checked seeds and actions, infos."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec as GymnasiumSpec

from rlvision.core.action_masks import mask_of
from rlvision.core.errors import ConfigError, EnvError, describe_value
from rlvision.core.types import BoolArray, EnvSpec
from rlvision.envs.atari_games import find_game
from rlvision.envs.settings import EnvSettings
from rlvision.envs.split_env import ReplayableEnv
from rlvision.envs.validation import Info

PICTURES = "rgb_array"
ENTRY_POINT = "rlvision.envs.pixel_env:PixelEnv"


def whole_games(settings: EnvSettings) -> EnvSettings:
    """Return the settings with which a game goes on after a lost life.

    Raises:
        ConfigError: ``env.life_loss`` is on, which Gymnasium's interface cannot express.
    """
    if settings.life_loss:
        raise ConfigError(
            "expected env.life_loss unset or False for an environment of Gymnasium, where the end of an episode is "
            "followed by a reset, got True: leave it out, or use Stable-Baselines3's EpisodicLifeEnv"
        )
    return replace(settings, life_loss=False) if find_game(settings.game) is not None else settings


def gymnasium_spec(settings: EnvSettings) -> GymnasiumSpec:
    """Return the recipe by which Gymnasium makes one environment of the settings again."""
    name = re.sub(r"[^\w:.-]+", "-", settings.game)
    return GymnasiumSpec(f"rlvision/{name}", entry_point=ENTRY_POINT, kwargs={"settings": settings})


def describe(spec: EnvSpec) -> str:
    """Return what an agent sees and does, such as ``4x84x84 uint8, 6 actions``."""
    return f"{'x'.join(map(str, spec.observation_shape))} uint8, {spec.num_actions} actions"


def check_seed(seed: object) -> int:
    """Return a seed as an int.

    Raises:
        EnvError: it is not a whole number of at least 0.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise EnvError(
            f"expected a whole number of at least 0 as seed, got {describe_value(seed)}: choose another (a vector "
            "also takes one for each environment)"
        )
    return int(seed)


def with_fps(metadata: Mapping[str, Any], fps: float) -> dict[str, Any]:
    """Return metadata with the pictures per second."""
    return {**metadata, "render_fps": fps}


def check_action(action: object, num_actions: int) -> int:
    """Return an action as an int.

    Raises:
        EnvError: it is not one of the A.
    """
    number = action.item() if isinstance(action, np.ndarray | np.generic) and action.ndim == 0 else action
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < num_actions:
        raise EnvError(f"expected an action from 0 to {num_actions - 1}, got {describe_value(action)}: choose another")
    return number


def infos_of(env: ReplayableEnv, failed: BoolArray) -> list[Info]:
    """Return the infos of the world's own, [N], with the seed of each one's last seeded reset, and its action mask.

    Args:
        env: N environments.
        failed: which of them failed in the last step, [N]; these told nothing.
    """
    told = [{} if lost else info for info, lost in zip(env.infos(), failed, strict=True)]
    infos = [info | {"seed": seed} for info, seed in zip(told, env.seeds(), strict=True)]
    if (masks := mask_of(env)) is not None:
        infos = [info | {"action_mask": mask} for info, mask in zip(infos, masks, strict=True)]
    return infos


def merge_infos(add_info: Callable[[Info, Info, int], Info], infos: Sequence[Info]) -> Info:
    """Return N infos in Gymnasium's form for vectors.

    Args:
        add_info: of `gymnasium.vector.VectorEnv`: merged so far, one more, and its place -> merged.
        infos: of each environment.

    Raises:
        EnvError: the world's infos cannot be merged.
    """
    merged: Info = {}
    try:
        for place, info in enumerate(infos):
            merged = add_info(merged, info, place)
    except (AttributeError, TypeError, ValueError) as error:
        raise EnvError(
            f"expected the infos of {len(infos)} environments to have values of one kind and shape under each name, "
            f"got others ({error}): make them alike, or make single environments"
        ) from error
    return merged
