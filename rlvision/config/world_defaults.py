"""What follows from the world: unset settings, the settings of a preset that belong to its game, the preset of an id.

::

    rlvision train ms_pacman                      the preset atari, with that game
    rlvision train MiniGrid-Empty-5x5-v0          the preset pixels, with that world
    rlvision train quick --env.game=mine:World    quick, without what suits CartPole alone
"""

import re
from dataclasses import replace
from typing import Any

from rlvision.config.fields import assemble, flatten
from rlvision.config.presets import Preset, find_preset, is_preset
from rlvision.config.schema import Config, defaults_for
from rlvision.envs.settings import ATARI_FRAMESKIP, OTHER_FRAMESKIP, EnvSettings

FOR_ATARI, FOR_OTHERS = "atari", "pixels"
"""Presets that suit every game of a kind."""
OF_ANY_GAME = ("env.num_envs", "env.num_workers", "env.step_timeout", "env.max_restarts", "env.reseed_after")
"""Settings of the environments that do not depend on the game."""
_OF_SCORES = ("evaluation.target_score", "evaluation.promising_score")
OF_ONE_ATARI_GAME = ("env.crop", "env.actions", "env.full_action_space", *_OF_SCORES)
"""Settings that suit one Atari game."""
OF_ONE_WORLD = ("agent.reward_scale", "agent.reward_clip", *_OF_SCORES)
"""Settings besides those of the environments that suit one world."""
_ROM_ID = re.compile(r"[a-z0-9_]+")
_VERSIONED = re.compile(r"-v\d+$")
_AS_IN_ALE = re.compile(r"-v[045]$")
"""Versions of the ids that ale-py registers."""


def is_atari_name(name: str) -> bool:
    """Return whether a name means an Atari game. Only names that could be either import ale-py and Gymnasium."""
    if not _AS_IN_ALE.search(name) or ":" in name:
        return _ROM_ID.fullmatch(name) is not None
    from rlvision.envs.atari_games import find_game

    return find_game(name) is not None


def preset_for(name: str) -> tuple[Preset, dict[str, Any]]:
    """Return the preset called ``name``, and no overrides; for a world, the preset of its kind, and the world's name.

    The preset of a world is named like the world, for its run folder.

    Raises:
        ConfigError: there is no such preset, file or world.
    """
    if is_preset(name) or not _is_world(name):
        return find_preset(name), {}
    found = find_preset(FOR_ATARI if is_atari_name(name) else FOR_OTHERS)
    return replace(found, name=re.sub(r"[^\w.-]+", "-", name)), {"env.game": name}


def with_world_defaults(env: EnvSettings) -> EnvSettings:
    """Fill in the frameskip and the pooling where they are unset."""
    if env.frameskip is not None and env.max_pool is not None:
        return env
    is_atari = is_atari_name(env.game)
    usual = {"frameskip": ATARI_FRAMESKIP if is_atari else OTHER_FRAMESKIP, "max_pool": is_atari}
    return assemble(env, {name: value for name, value in usual.items() if getattr(env, name) is None})


def for_another_game(config: Config, game: str) -> Config:
    """Return a preset's settings for another game than its own: what suits only its own game has the defaults.

    Between two Atari games the crop, the actions and the scores are dropped; between other worlds all settings of
    the environments and the rewards.
    """
    if _is_same_game(game, config.env.game):
        return config
    default = flatten(defaults_for(config.agent))
    both_atari = is_atari_name(game) and is_atari_name(config.env.game)
    dropped = [name for name in default if (_of_one_atari_game(name) if both_atari else _of_one_world(name))]
    return assemble(config, {name: default[name] for name in dropped})


def _is_same_game(one: str, other: str) -> bool:
    if one == other or not (is_atari_name(one) and is_atari_name(other)):
        return one == other
    from rlvision.envs.atari_games import find_game

    return find_game(one) == find_game(other)


def _of_one_atari_game(name: str) -> bool:
    return name in OF_ONE_ATARI_GAME


def _of_one_world(name: str) -> bool:
    is_env = name.startswith("env.") and name != "env.game" and name not in OF_ANY_GAME
    return is_env or name in OF_ONE_WORLD


def _is_world(name: str) -> bool:
    """Return whether a name that is no preset may be that of a world: an id, an import path, or an Atari game."""
    if name.endswith((".yaml", ".yml")):
        return False
    if ":" in name or _VERSIONED.search(name):
        return True
    from rlvision.envs.atari_games import find_game

    return find_game(name) is not None
