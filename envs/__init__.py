"""Environments: Atari games and Gymnasium's, seen as stacks of frames and stepped N at a time."""

if __name__ != "rlvision.envs":
    raise ImportError(
        f"expected the import name rlvision.envs, got {__name__!r}: import rlvision.envs instead "
        "(under the bare name every class would exist twice)"
    )

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.envs.atari_env import AtariEnv as AtariEnv
    from rlvision.envs.factory import is_atari as is_atari
    from rlvision.envs.factory import make as make
    from rlvision.envs.gymnasium_env import RenderedEnv as RenderedEnv
    from rlvision.envs.screen import make_screen as make_screen
    from rlvision.envs.settings import EnvSettings as EnvSettings
    from rlvision.envs.vector_env import TapedVectorEnv as TapedVectorEnv

__getattr__, __all__ = public_names(
    __name__,
    {
        "atari_env": ["AtariEnv"],
        "factory": ["is_atari", "make"],
        "gymnasium_env": ["RenderedEnv"],
        "screen": ["make_screen"],
        "settings": ["EnvSettings"],
        "vector_env": ["TapedVectorEnv"],
    },
)
