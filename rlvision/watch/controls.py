"""What the keys do, apart from any window."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from rlvision.watch.rollout import Rollout
from rlvision.watch.step import Game, Moment, game_of

SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
NORMAL = SPEEDS.index(1.0)

HELP = "space pause   s step   +/- speed   n next game   o overlay   q quit"


@dataclass(slots=True)
class Controls:
    """What the viewer wants."""

    paused: bool = False
    panel: bool = True
    quit: bool = False
    skip: bool = False  # to the next game
    step: bool = False  # one decision, then pause
    gear: int = NORMAL  # index into SPEEDS

    @property
    def speed(self) -> float:
        """Times the game's own speed."""
        return SPEEDS[self.gear]

    def press(self, key: str) -> None:
        """Take one key: space, s or right, + or =, - , n, o, q or escape; others do nothing."""
        if key == "space":
            self.paused = not self.paused
        elif key in ("s", "right"):
            self.paused = self.step = True
        elif key in ("+", "="):
            self.gear = min(self.gear + 1, len(SPEEDS) - 1)
        elif key == "-":
            self.gear = max(self.gear - 1, 0)
        elif key == "n":
            self.skip = True
        elif key == "o":
            self.panel = not self.panel
        elif key in ("q", "escape"):
            self.quit = True

    def holds(self) -> bool:
        """Whether the present moment stays on the screen; a wish for a single step is used up by asking."""
        go, self.step = self.step or self.skip or self.quit, False
        return self.paused and not go

    def leave_game(self) -> bool:
        """Whether the viewer wants the next game; used up by asking."""
        wanted, self.skip = self.skip, False
        return wanted


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
