"""A viewer of games in a terminal, over ssh too: the game in half blocks, and a panel at its right.

::

    ################  breakout              game 1  decision 375
    ################
    ##            ##  SCORE 12    LIVES ●●●    ACTION LEFT FIRE
    ##    game    ##
    ##            ##  Q-VALUES
    ##            ##  FIRE              ▐████        1.233
    ################  VALUE  1.766
    ################  ▂▃▅▆█▇▅▃▂▁▁▂▃
    space pause   s step   ...                           paused
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from rlvision.core.types import EnvSpec, UInt8Array
from rlvision.envs.preprocessing import resize
from rlvision.watch.controls import HELP, Controls
from rlvision.watch.drawing.canvas import Color
from rlvision.watch.drawing.overlay import (
    BAR,
    CARD,
    CHOSEN,
    CURVE,
    DIM,
    FAINT,
    GROUND,
    INK,
    ValueTrace,
    readable_action,
)
from rlvision.watch.rollout import RolloutStep, q_value_text
from rlvision.watch.terminal.cells import Cells, Painter, color_depth
from rlvision.watch.terminal.tty import Terminal, require_terminal, taken_over

PANEL = 44
"""Columns of the panel."""
MIN_GAME_COLUMNS = 20
"""Smallest number of columns for the game; with fewer, the panel is left out."""
MIN_SIZE = (8, 20)
"""Smallest number of rows and columns in which anything can be shown."""
NAME, BARS, NUMBER = 16, 16, 10
"""Columns of an action's name, of its bar and of its Q-value."""
PARTS = " ▏▎▍▌▋▊▉█"
"""Cells filled from the left, by eighths."""
LEVELS = " ▁▂▃▄▅▆▇█"
"""Cells filled from the bottom, by eighths."""
MAX_FPS = 30
"""Largest number of pictures sent per second; a slow connection gets fewer, and the game keeps its speed."""
HOLD = 0.25
"""Seconds between two checks of a paused terminal's size."""
LAG = 0.5
"""Largest delay in seconds that the game catches up with."""


@contextmanager
def open_terminal(title: str, spec: EnvSpec, opening: RolloutStep, fps: float) -> Iterator["TerminalViewer"]:
    """Open a viewer of games in this terminal, and restore the terminal at the end.

    Args:
        title: above the numbers, such as ``"Breakout"``.
        spec: of the environment.
        opening: the first step to be shown.
        fps: the game's frames per second.

    Raises:
        ConfigError: there is no terminal.
    """
    require_terminal()
    with taken_over() as terminal:
        yield TerminalViewer(terminal, TerminalLayout(title, spec.action_meanings), fps)


class TerminalViewer:
    """A viewer that shows steps at the game's speed and handles the keys.

    Args:
        terminal: to draw in.
        layout: lays a step out in cells.
        fps: the game's frames per second.
    """

    def __init__(self, terminal: Terminal, layout: "TerminalLayout", fps: float) -> None:
        self._terminal = terminal
        self._layout = layout
        self._fps = fps
        self._value_trace = ValueTrace(layout.num_actions)
        self._painter = Painter(color_depth())
        self._due = time.monotonic()  # when the next frame is shown
        self._drawn = 0.0
        self.controls = Controls()

    def play(self, rollout_step: RolloutStep) -> None:
        """Show the step's frames, then hold the last one while the game is paused."""
        self._value_trace.add(rollout_step)
        for frame in rollout_step.frames:
            self._wait()
            if self.controls.quit:
                return
            if time.monotonic() - self._drawn >= 1 / MAX_FPS:
                self._draw(rollout_step, frame)
        while self.controls.should_hold():
            self._draw(rollout_step, rollout_step.frames[-1])
            self._listen(HOLD)
            self._due = time.monotonic()

    def _wait(self) -> None:
        """Handle keys until the next frame is due."""
        self._due = max(self._due + 1 / (self._fps * self.controls.speed), time.monotonic() - LAG)
        self._listen(0)
        while (left := self._due - time.monotonic()) > 0 and not self.controls.quit:
            self._listen(left)

    def _listen(self, timeout: float) -> None:
        for key in self._terminal.keys(timeout):
            self.controls.press(key)

    def _draw(self, rollout_step: RolloutStep, frame: UInt8Array) -> None:
        cells = self._layout.cells(self._terminal.size, rollout_step, frame, self._value_trace, self.controls)
        if text := self._painter.changes(cells):
            self._terminal.write(text)
        self._drawn = time.monotonic()


class TerminalLayout:
    """The layout of steps in cells, for any size of the terminal.

    Args:
        title: such as ``"Breakout"``.
        action_meanings: A names.
    """

    def __init__(self, title: str, action_meanings: Sequence[str]) -> None:
        self._title = title
        self._names = [readable_action(name) for name in action_meanings]

    @property
    def num_actions(self) -> int:
        """A, the number of actions."""
        return len(self._names)

    def cells(
        self,
        size: tuple[int, int],
        rollout_step: RolloutStep,
        frame: UInt8Array,
        value_trace: ValueTrace,
        controls: Controls,
    ) -> Cells:
        """Return the cells of a step.

        Args:
            size: rows and columns of the terminal.
            rollout_step: its numbers are shown.
            frame: the screen [H, W, 3] of it that is shown.
            value_trace: of the game, this step included.
            controls: whether the panel is shown, and the speed.
        """
        rows, columns = size
        cells = Cells(rows, columns, GROUND)
        if rows < MIN_SIZE[0] or columns < MIN_SIZE[1]:
            cells.write(0, 0, f"{MIN_SIZE[0]}x{MIN_SIZE[1]} at least, please", INK)
            return cells
        has_panel = controls.panel and columns >= PANEL + MIN_GAME_COLUMNS
        room = columns - PANEL - 2 if has_panel else columns
        width = self._draw_game(cells, frame, rows - 1, room, centred=not has_panel)
        if has_panel:
            self._draw_panel(cells, width + 2, rollout_step, value_trace)
        self._draw_foot(cells, rollout_step, controls, has_panel)
        return cells

    def _draw_game(self, cells: Cells, frame: UInt8Array, rows: int, columns: int, *, centred: bool) -> int:
        """Draw the screen as large as fits, with its aspect ratio kept; return its width in columns."""
        height, width = frame.shape[:2]
        scale = min(2 * rows / height, columns / width)
        shape = max(1, int(height * scale / 2)) * 2, max(1, int(width * scale))
        cells.paste(0, (columns - shape[1]) // 2 if centred else 0, resize(frame, *shape))
        return shape[1]

    def _draw_panel(self, cells: Cells, x: int, rollout_step: RolloutStep, value_trace: ValueTrace) -> None:
        """Draw from the top down; the curve takes the rows that are left."""
        _between(cells, 0, x, self._title, f"game {rollout_step.game}  decision {rollout_step.length:,}")
        cells.write(2, x, "SCORE", DIM)
        cells.write(2, x + 6, f"{rollout_step.score:g}", INK)
        if rollout_step.lives is not None:
            cells.write(2, x + 15, "LIVES", DIM)
            cells.write(2, x + 21, "●" * min(rollout_step.lives, 6), INK)
        cells.write(3, x, "ACTION", DIM)
        cells.write(3, x + 7, self._names[rollout_step.action], CHOSEN)
        foot = self._draw_q_values(cells, x, rollout_step, value_trace)
        self._draw_curve(cells, x, foot, value_trace)

    def _draw_q_values(self, cells: Cells, x: int, rollout_step: RolloutStep, value_trace: ValueTrace) -> int:
        """Draw one row per action, those with the greatest Q-values if not all fit; return the row below."""
        room = min(self.num_actions, cells.size[0] - 7)
        ranked = np.argsort(-np.nan_to_num(rollout_step.q_values), kind="stable")[:room]
        _between(cells, 5, x, "Q-VALUES", "from their mean", DIM, FAINT)
        for row, action in enumerate(sorted(ranked.tolist()), 6):
            chosen = action == rollout_step.action
            cells.write(row, x, self._names[action][: NAME - 1], CHOSEN if chosen else INK)
            share = float(value_trace.advantages[action]) / value_trace.spread
            _bar(cells, row, x + NAME, share, CHOSEN if chosen else BAR if share > 0 else FAINT)
            number = q_value_text(rollout_step, action)
            cells.write(row, x + PANEL - len(number), number, CHOSEN if chosen else INK)
        return 7 + room

    def _draw_curve(self, cells: Cells, x: int, top: int, value_trace: ValueTrace) -> None:
        """Draw the value of the last decisions in the rows that are left."""
        height = min(6, cells.size[0] - 2 - top)
        if height < 1:
            return
        _between(cells, top, x, "VALUE", f"{value_trace.values[-1]:.3f}", DIM, CURVE)
        values = np.array(list(value_trace.values)[-PANEL:])
        span = float(values.max() - values.min()) or 1.0
        eighths = 1 + np.rint((values - values.min()) / span * (8 * height - 1)).astype(int)
        for row in range(height):
            filled = np.clip(eighths - 8 * (height - 1 - row), 0, 8)
            cells.write(top + 1 + row, x, "".join(LEVELS[level] for level in filled), CURVE)

    def _draw_foot(self, cells: Cells, rollout_step: RolloutStep, controls: Controls, has_panel: bool) -> None:
        """Draw the keys, or without a panel the score; at the right, the speed."""
        rows, columns = cells.size
        pace = "paused" if controls.paused else "" if controls.speed == 1 else f"x{controls.speed:g}"
        text = HELP if has_panel else f"score {rollout_step.score:g}   {self._names[rollout_step.action]}"
        cells.fill(rows - 1, 0, columns, CARD)
        cells.write(rows - 1, 0, text[: columns - len(pace) - 2], DIM, CARD)
        cells.write(rows - 1, columns - len(pace) - 1, pace, CHOSEN, CARD)


def _between(cells: Cells, row: int, x: int, left: str, right: str, ink: Color = INK, right_ink: Color = DIM) -> None:
    """Write two texts at the ends of the panel, the left one cut off if they would meet."""
    cells.write(row, x, left[: PANEL - len(right) - 1], ink)
    cells.write(row, x + PANEL - len(right), right, right_ink)


def _bar(cells: Cells, row: int, x: int, share: float, color: Color) -> None:
    """Draw a bar from the middle of `BARS` cells to one side, by a share from -1 to 1, in eighths of a cell."""
    cells.fill(row, x, BARS, CARD)
    middle, eighths = x + BARS // 2, round(min(abs(share), 1.0) * BARS * 4)
    whole, part = divmod(eighths, 8)
    if share > 0:
        cells.fill(row, middle, whole, color)
        cells.write(row, middle + whole, PARTS[part].strip(), color, CARD)
    else:
        cells.fill(row, middle - whole, whole, color)
        cells.write(row, middle - whole - 1, PARTS[8 - part] if part else "", CARD, color)
