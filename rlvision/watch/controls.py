"""The keys of the window and the terminal, and the state that they change."""

from dataclasses import dataclass

SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
NORMAL = SPEEDS.index(1.0)

HELP = "space pause   s step   +/- speed   n next game   o overlay   q quit"


@dataclass(slots=True)
class Controls:
    """State of the playback, as the viewer has set it."""

    paused: bool = False
    panel: bool = True
    quit: bool = False
    skip: bool = False  # to the next game
    step: bool = False  # one decision, then pause
    speed_index: int = NORMAL  # index into SPEEDS

    @property
    def speed(self) -> float:
        """Multiple of the game's own speed."""
        return SPEEDS[self.speed_index]

    def press(self, key: str) -> None:
        """Handle one key: space, s or right, + or =, - , n, o, q or escape; ignore the others."""
        if key == "space":
            self.paused = not self.paused
        elif key in ("s", "right"):
            self.paused = self.step = True
        elif key in ("+", "="):
            self.speed_index = min(self.speed_index + 1, len(SPEEDS) - 1)
        elif key == "-":
            self.speed_index = max(self.speed_index - 1, 0)
        elif key == "n":
            self.skip = True
        elif key == "o":
            self.panel = not self.panel
        elif key in ("q", "escape"):
            self.quit = True

    def should_hold(self) -> bool:
        """Return whether the current step stays on the screen; clear a request for a single step."""
        go, self.step = self.step or self.skip or self.quit, False
        return self.paused and not go

    def consume_skip(self) -> bool:
        """Return whether the next game was requested; clear the request."""
        wanted, self.skip = self.skip, False
        return wanted
