"""What a window and a terminal have in common."""

from collections.abc import Iterable
from typing import Protocol

from rlvision.watch.controls import Controls
from rlvision.watch.moment import Game, Moment, game_of
from rlvision.watch.rollout import Rollout


class Viewer(Protocol):
    """Shows moments at their pace, and listens to the keys."""

    @property
    def controls(self) -> Controls:
        """What the keys wished for."""

    def play(self, moment: Moment) -> None:
        """Show the moment's frames, then hold the last for as long as the viewer pauses."""


def view(rollout: Rollout, moments: Iterable[Moment], viewer: Viewer) -> list[Game]:
    """Show the moments of a rollout until its games are over or the viewer leaves; the games that came to an end."""
    games = []
    for moment in moments:
        viewer.play(moment)
        if moment.last:
            games.append(game_of(moment))
        if viewer.controls.quit:
            break
        if viewer.controls.leave_game() and not moment.last:
            rollout.skip()
    return games
