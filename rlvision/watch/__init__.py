"""Watching: rollouts drawn in a window, a terminal, a browser, a page to keep, a video."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.watch.game_replay import GameReplay as GameReplay
    from rlvision.watch.game_replay import ReplayResult as ReplayResult
    from rlvision.watch.game_replay import choose_game as choose_game
    from rlvision.watch.html.page import PageMeta as PageMeta
    from rlvision.watch.inline import Recording as Recording
    from rlvision.watch.outputs import Output as Output
    from rlvision.watch.rollout import Game as Game
    from rlvision.watch.rollout import Rollout as Rollout
    from rlvision.watch.web.human_policy import HumanPolicy as HumanPolicy
    from rlvision.watch.web.human_policy import MutableSchedule as MutableSchedule
    from rlvision.watch.web.inspector import Inspector as Inspector
    from rlvision.watch.web.player import Player as Player
    from rlvision.watch.web.server import WebView as WebView
    from rlvision.watch.web.weights import LoadedCheckpoint as LoadedCheckpoint
    from rlvision.watch.web.weights import WeightWatcher as WeightWatcher

__getattr__, __all__ = public_names(
    __name__,
    {
        "game_replay": ["GameReplay", "ReplayResult", "choose_game"],
        "html.page": ["PageMeta"],
        "inline": ["Recording"],
        "outputs": ["Output"],
        "rollout": ["Game", "Rollout"],
        "web.human_policy": ["HumanPolicy", "MutableSchedule"],
        "web.inspector": ["Inspector"],
        "web.player": ["Player"],
        "web.server": ["WebView"],
        "web.weights": ["LoadedCheckpoint", "WeightWatcher"],
    },
)
