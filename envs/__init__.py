"""Worlds: Atari, Gymnasium as pixels, preprocessing, vectors of environments, worker processes, action logs."""

import sys
from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if __name__ != "rlvision.envs":
    raise ImportError(
        f"expected the import name rlvision.envs, got {__name__!r}: import rlvision.envs instead "
        "(under the bare name every class would exist twice)"
    )

if "gymnasium" in sys.modules and "ale_py" not in sys.modules:
    from rlvision.envs.own_ids import import_ale

    import_ale()  # before it is needed: it would register its Breakout-v0 over one that the user has registered

if TYPE_CHECKING:
    from rlvision.envs.atari_games import find_game as find_game
    from rlvision.envs.atari_games import find_protocol as find_protocol
    from rlvision.envs.atari_games import resolve_protocol as resolve_protocol
    from rlvision.envs.counting_env import CountingEnv as CountingEnv
    from rlvision.envs.factory import is_atari as is_atari
    from rlvision.envs.factory import make as make
    from rlvision.envs.game_archive import GAMES_FOLDER as GAMES_FOLDER
    from rlvision.envs.game_archive import GameArchive as GameArchive
    from rlvision.envs.game_archive import GameRecorder as GameRecorder
    from rlvision.envs.game_archive import RecordedGame as RecordedGame
    from rlvision.envs.game_archive import prefix_games as prefix_games
    from rlvision.envs.game_archive import read_games as read_games
    from rlvision.envs.gymnasium_env import GymnasiumEnv as GymnasiumEnv
    from rlvision.envs.one_environment import OneEnvironment as OneEnvironment
    from rlvision.envs.pixel_env import PixelEnv as PixelEnv
    from rlvision.envs.pixel_env import PixelVectorEnv as PixelVectorEnv
    from rlvision.envs.pixel_env import make_pixel_env as make_pixel_env
    from rlvision.envs.planes import LUMA as LUMA
    from rlvision.envs.preprocessing import frame_channels as frame_channels
    from rlvision.envs.preprocessing import frames_per_decision as frames_per_decision
    from rlvision.envs.preprocessing import observation_shape as observation_shape
    from rlvision.envs.preprocessing import resize as resize
    from rlvision.envs.screen import make_screen as make_screen
    from rlvision.envs.settings import ATARI_FRAMESKIP as ATARI_FRAMESKIP
    from rlvision.envs.settings import OTHER_FRAMESKIP as OTHER_FRAMESKIP
    from rlvision.envs.settings import Crop as Crop
    from rlvision.envs.settings import EnvSettings as EnvSettings
    from rlvision.envs.settings import ProtocolName as ProtocolName
    from rlvision.envs.split_env import Act as Act
    from rlvision.envs.split_env import ReplayableEnv as ReplayableEnv
    from rlvision.envs.split_env import SplitEnv as SplitEnv
    from rlvision.envs.split_env import play_double_buffered as play_double_buffered
    from rlvision.envs.vector_env import ReplayableVectorEnv as ReplayableVectorEnv
    from rlvision.envs.vector_env import observation_hash as observation_hash
    from rlvision.envs.worker import exit_while_imported as exit_while_imported
    from rlvision.envs.world_modules import recorded_name as recorded_name

__getattr__, __all__ = public_names(
    __name__,
    {
        "atari_games": ["find_game", "find_protocol", "resolve_protocol"],
        "counting_env": ["CountingEnv"],
        "factory": ["is_atari", "make"],
        "game_archive": ["GAMES_FOLDER", "GameArchive", "GameRecorder", "RecordedGame", "prefix_games", "read_games"],
        "gymnasium_env": ["GymnasiumEnv"],
        "one_environment": ["OneEnvironment"],
        "pixel_env": ["PixelEnv", "PixelVectorEnv", "make_pixel_env"],
        "planes": ["LUMA"],
        "preprocessing": ["frame_channels", "frames_per_decision", "observation_shape", "resize"],
        "screen": ["make_screen"],
        "settings": ["ATARI_FRAMESKIP", "OTHER_FRAMESKIP", "Crop", "EnvSettings", "ProtocolName"],
        "split_env": ["Act", "ReplayableEnv", "SplitEnv", "play_double_buffered"],
        "vector_env": ["ReplayableVectorEnv", "observation_hash"],
        "worker": ["exit_while_imported"],
        "world_modules": ["recorded_name"],
    },
)
