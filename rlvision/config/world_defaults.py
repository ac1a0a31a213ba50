"""Settings that follow from the world: unset ones, and those of a preset that suit only the preset's game.

::

    rlvision train quick --env.game=mine:World    quick, without what suits CartPole alone
"""

from rlvision.config.fields import assemble, flatten
from rlvision.config.schema import Config, defaults_for
from rlvision.config.world_names import is_atari_name, is_same_game
from rlvision.envs.settings import ATARI_FRAMESKIP, OTHER_FRAMESKIP, EnvSettings

OF_ANY_GAME = ("env.num_envs", "env.num_workers", "env.step_timeout", "env.max_restarts", "env.reseed_after")
"""Settings of the environments that do not depend on the game."""
_OF_SCORES = ("evaluation.target_score", "evaluation.promising_score")
OF_ONE_ATARI_GAME = ("env.crop", "env.actions", "env.full_action_space", *_OF_SCORES)
"""Settings that suit one Atari game."""
OF_ONE_WORLD = ("agent.reward_scale", "agent.reward_clip", *_OF_SCORES)
"""Settings besides those of the environments that suit one world."""


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
    if is_same_game(game, config.env.game):
        return config
    default = flatten(defaults_for(config.agent))
    both_atari = is_atari_name(game) and is_atari_name(config.env.game)
    dropped = [name for name in default if (_of_one_atari_game(name) if both_atari else _of_one_world(name))]
    return assemble(config, {name: default[name] for name in dropped})


def _of_one_atari_game(name: str) -> bool:
    return name in OF_ONE_ATARI_GAME


def _of_one_world(name: str) -> bool:
    is_env = name.startswith("env.") and name != "env.game" and name not in OF_ANY_GAME
    return is_env or name in OF_ONE_WORLD
