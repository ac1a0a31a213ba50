"""Watching: rollouts drawn in a window, a terminal, a browser, a page to keep, a video."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.watch.game_replay import Replay as Replay
    from rlvision.watch.game_replay import Replayed as Replayed
    from rlvision.watch.game_replay import choose as choose
    from rlvision.watch.html.page import About as About
    from rlvision.watch.outputs import Outlet as Outlet
    from rlvision.watch.rollout import Game as Game
    from rlvision.watch.rollout import Rollout as Rollout
    from rlvision.watch.web.human_policy import Dial as Dial
    from rlvision.watch.web.human_policy import Pilot as Pilot
    from rlvision.watch.web.inspector import Analyst as Analyst
    from rlvision.watch.web.player import Player as Player
    from rlvision.watch.web.server import WebView as WebView
    from rlvision.watch.web.weights import Brain as Brain
    from rlvision.watch.web.weights import Follower as Follower

__getattr__, __all__ = public_names(
    __name__,
    {
        "game_replay": ["Replay", "Replayed", "choose"],
        "html.page": ["About"],
        "outputs": ["Outlet"],
        "rollout": ["Game", "Rollout"],
        "web.human_policy": ["Dial", "Pilot"],
        "web.inspector": ["Analyst"],
        "web.player": ["Player"],
        "web.server": ["WebView"],
        "web.weights": ["Brain", "Follower"],
    },
)
