"""Watching in a terminal, over ssh too: the game in half blocks, and beside it what the agent thinks."""

import time
from itertools import chain

from rlvision.core.types import UInt8Array
from rlvision.watch.controls import Controls, view
from rlvision.watch.drawing.value_trace import Course
from rlvision.watch.rollout import Rollout
from rlvision.watch.step import Game, Moment
from rlvision.watch.terminal.cells import Painter, color_depth
from rlvision.watch.terminal.layout import Typesetter
from rlvision.watch.terminal.tty import Terminal, require_terminal, taken_over

MOST_FPS = 30
"""Pictures a second that are sent, at most: a slow line gets fewer, and the game keeps its pace."""
HOLD = 0.25
"""Seconds after which a paused terminal looks at its size again."""
LAG = 0.5
"""Seconds of the game's time that are made up for after a delay; more are forgotten."""


def watch(rollout: Rollout, *, title: str, fps: float) -> list[Game]:
    """Draw the rollout's games in this terminal, at their own speed, until they are over or the viewer leaves.

    The keys are those of the window: space, s, + and -, n, o, q.

    Args:
        rollout: what is shown.
        title: above the numbers, such as ``"Breakout"``.
        fps: the game's pictures per second.

    Returns:
        The games that were played to their end, in order.

    Raises:
        ConfigError: there is no terminal.
    """
    require_terminal()
    moments = iter(rollout)
    opening = next(moments)
    with taken_over() as terminal:
        typesetter = Typesetter(title, rollout.spec.action_meanings)
        return view(rollout, chain([opening], moments), TerminalViewer(terminal, typesetter, fps))


class TerminalViewer:
    """Shows moments at their pace and listens to the keys.

    Args:
        terminal: where.
        typesetter: lays a moment out in cells.
        fps: the game's pictures per second.
    """

    def __init__(self, terminal: Terminal, typesetter: Typesetter, fps: float) -> None:
        self._terminal = terminal
        self._typesetter = typesetter
        self._fps = fps
        self._course = Course(typesetter.num_actions)
        self._painter = Painter(color_depth())
        self._due = time.monotonic()  # when the next frame is to be seen
        self._drawn = 0.0
        self.controls = Controls()

    def play(self, moment: Moment) -> None:
        """Show the moment's frames, then hold the last for as long as the viewer pauses."""
        self._course.add(moment)
        for frame in moment.frames:
            self._wait()
            if self.controls.quit:
                return
            if time.monotonic() - self._drawn >= 1 / MOST_FPS:
                self._draw(moment, frame)
        while self.controls.holds():
            self._draw(moment, moment.frames[-1])
            self._listen(HOLD)
            self._due = time.monotonic()

    def _wait(self) -> None:
        """Until the next frame is due; keys are heard meanwhile."""
        self._due = max(self._due + 1 / (self._fps * self.controls.speed), time.monotonic() - LAG)
        self._listen(0)
        while (left := self._due - time.monotonic()) > 0 and not self.controls.quit:
            self._listen(left)

    def _listen(self, timeout: float) -> None:
        for key in self._terminal.keys(timeout):
            self.controls.press(key)

    def _draw(self, moment: Moment, frame: UInt8Array) -> None:
        cells = self._typesetter.cells(self._terminal.size, moment, frame, self._course, self.controls)
        if text := self._painter.changes(cells):
            self._terminal.write(text)
        self._drawn = time.monotonic()
