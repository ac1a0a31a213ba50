"""The page that a terminal shows.

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

from collections.abc import Sequence

import numpy as np

from rlvision.core.types import UInt8Array
from rlvision.envs.preprocessing import resize
from rlvision.watch.controls import HELP, Controls
from rlvision.watch.drawing.overlay import BAR, CARD, CHOSEN, CURVE, DIM, FAINT, GROUND, INK, spoken
from rlvision.watch.drawing.shapes import Color
from rlvision.watch.drawing.value_trace import Course
from rlvision.watch.step import Moment
from rlvision.watch.terminal.cells import Cells

PANEL = 44
"""Columns beside the game."""
LEAST_GAME = 20
"""Columns of the game below which the panel is left out."""
LEAST = (8, 20)
"""Rows and columns below which nothing can be shown."""
NAME, BARS, NUMBER = 16, 16, 10
"""Columns of an action's name, of its bar and of its Q-value."""
PARTS = " ▏▎▍▌▋▊▉█"
"""A cell filled from the left, in eighths."""
LEVELS = " ▁▂▃▄▅▆▇█"
"""A cell filled from below, in eighths."""


class Typesetter:
    """Lays moments out in cells, whatever the terminal's size.

    Args:
        title: such as ``"Breakout"``.
        action_meanings: A names.
    """

    def __init__(self, title: str, action_meanings: Sequence[str]) -> None:
        self._title = title
        self._names = [spoken(name) for name in action_meanings]

    @property
    def num_actions(self) -> int:
        """A."""
        return len(self._names)

    def cells(
        self, size: tuple[int, int], moment: Moment, frame: UInt8Array, course: Course, controls: Controls
    ) -> Cells:
        """The page of a moment.

        Args:
            size: rows and columns of the terminal.
            moment: its numbers are shown.
            frame: the screen [H, W, 3] of it that is shown.
            course: of the game, the moment included.
            controls: what the viewer wants.
        """
        rows, columns = size
        cells = Cells(rows, columns, GROUND)
        if rows < LEAST[0] or columns < LEAST[1]:
            cells.write(0, 0, f"{LEAST[0]}x{LEAST[1]} at least, please", INK)
            return cells
        has_panel = controls.panel and columns >= PANEL + LEAST_GAME
        room = columns - PANEL - 2 if has_panel else columns
        width = self._draw_game(cells, frame, rows - 1, room, centred=not has_panel)
        if has_panel:
            self._draw_panel(cells, width + 2, moment, course)
        self._draw_foot(cells, moment, controls, has_panel)
        return cells

    def _draw_game(self, cells: Cells, frame: UInt8Array, rows: int, columns: int, *, centred: bool) -> int:
        """The screen as large as fits, its shape kept; the columns it takes."""
        height, width = frame.shape[:2]
        scale = min(2 * rows / height, columns / width)
        shape = max(1, int(height * scale / 2)) * 2, max(1, int(width * scale))
        cells.paste(0, (columns - shape[1]) // 2 if centred else 0, resize(frame, *shape))
        return shape[1]

    def _draw_panel(self, cells: Cells, x: int, moment: Moment, course: Course) -> None:
        """From the top down, with the curve in what is left."""
        _between(cells, 0, x, self._title, f"game {moment.game}  decision {moment.length:,}")
        cells.write(2, x, "SCORE", DIM)
        cells.write(2, x + 6, f"{moment.score:g}", INK)
        if moment.lives is not None:
            cells.write(2, x + 15, "LIVES", DIM)
            cells.write(2, x + 21, "●" * min(moment.lives, 6), INK)
        cells.write(3, x, "ACTION", DIM)
        cells.write(3, x + 7, self._names[moment.action], CHOSEN)
        foot = self._draw_q_values(cells, x, moment, course)
        self._draw_curve(cells, x, foot, course)

    def _draw_q_values(self, cells: Cells, x: int, moment: Moment, course: Course) -> int:
        """A row an action; where there is no room for all, the actions with the greatest Q-values. The row below."""
        room = min(self.num_actions, cells.size[0] - 7)
        ranked = np.argsort(-np.nan_to_num(moment.q_values), kind="stable")[:room]
        _between(cells, 5, x, "Q-VALUES", "from their mean", DIM, FAINT)
        for row, action in enumerate(sorted(ranked.tolist()), 6):
            chosen = action == moment.action
            cells.write(row, x, self._names[action][: NAME - 1], CHOSEN if chosen else INK)
            share = float(course.advantages[action]) / course.spread
            _bar(cells, row, x + NAME, share, CHOSEN if chosen else BAR if share > 0 else FAINT)
            number = f"{moment.q_values[action]:.3f}"
            cells.write(row, x + PANEL - len(number), number, CHOSEN if chosen else INK)
        return 7 + room

    def _draw_curve(self, cells: Cells, x: int, top: int, course: Course) -> None:
        """The value of the last decisions, in the rows that are left."""
        height = min(6, cells.size[0] - 2 - top)
        if height < 1:
            return
        _between(cells, top, x, "VALUE", f"{course.values[-1]:.3f}", DIM, CURVE)
        values = np.array(list(course.values)[-PANEL:])
        span = float(values.max() - values.min()) or 1.0
        eighths = 1 + np.rint((values - values.min()) / span * (8 * height - 1)).astype(int)
        for row in range(height):
            filled = np.clip(eighths - 8 * (height - 1 - row), 0, 8)
            cells.write(top + 1 + row, x, "".join(LEVELS[level] for level in filled), CURVE)

    def _draw_foot(self, cells: Cells, moment: Moment, controls: Controls, has_panel: bool) -> None:
        """The keys, or where there is no panel the score; at the right, the pace."""
        rows, columns = cells.size
        pace = "paused" if controls.paused else "" if controls.speed == 1 else f"x{controls.speed:g}"
        text = HELP if has_panel else f"score {moment.score:g}   {self._names[moment.action]}"
        cells.fill(rows - 1, 0, columns, CARD)
        cells.write(rows - 1, 0, text[: columns - len(pace) - 2], DIM, CARD)
        cells.write(rows - 1, columns - len(pace) - 1, pace, CHOSEN, CARD)


def _between(cells: Cells, row: int, x: int, left: str, right: str, ink: Color = INK, right_ink: Color = DIM) -> None:
    """Two texts at the ends of the panel, the left one cut off where they would meet."""
    cells.write(row, x, left[: PANEL - len(right) - 1], ink)
    cells.write(row, x + PANEL - len(right), right, right_ink)


def _bar(cells: Cells, row: int, x: int, share: float, color: Color) -> None:
    """From the middle of `BARS` cells to either side, by a share from -1 to 1, in eighths of a cell."""
    cells.fill(row, x, BARS, CARD)
    middle, eighths = x + BARS // 2, round(min(abs(share), 1.0) * BARS * 4)
    whole, part = divmod(eighths, 8)
    if share > 0:
        cells.fill(row, middle, whole, color)
        cells.write(row, middle + whole, PARTS[part].strip(), color, CARD)
    else:
        cells.fill(row, middle - whole, whole, color)
        cells.write(row, middle - whole - 1, PARTS[8 - part] if part else "", CARD, color)
