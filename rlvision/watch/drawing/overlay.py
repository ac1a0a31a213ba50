"""The picture of a moment: the game, and beside it what the agent sees, thinks and does.

::

    +-----------------+  title                 game 1
    |                 |  SCORE    LIVES    ACTION
    |                 |  Q-VALUES
    |      game       |  FIRE  ........|====   1.23
    |                 |  VALUE
    |                 |  ...a curve...
    |                 |  WHAT THE NETWORK SEES
    +-----------------+  [old] [...] [...] [new]
"""

import re
from collections.abc import Sequence

import numpy as np

from rlvision.core.types import EnvSpec, UInt8Array
from rlvision.watch.drawing.shapes import Color, curve, disc, fill, paste
from rlvision.watch.drawing.text import fit, text_width, write
from rlvision.watch.drawing.value_trace import HISTORY, Course
from rlvision.watch.step import Moment

GROUND: Color = (17, 19, 24)
CARD: Color = (31, 35, 44)
INK: Color = (236, 238, 243)
DIM: Color = (141, 149, 164)
FAINT: Color = (70, 77, 92)
CHOSEN: Color = (255, 176, 66)
BAR: Color = (88, 166, 255)
CURVE: Color = (98, 216, 154)

MARGIN = 20
PANEL = 360
"""Width of what stands beside the game."""
TITLE_SIZES = (22, 18, 15, 13)
"""Of its letters: a long title has the smaller ones before it is cut."""
HEIGHT = 630
"""Least height of the picture, margins left out."""
GAME = 640
"""What a game is enlarged to, at most, by a whole number."""
ROW = 26
"""Height of an action's row, at most."""
BUTTONS = "NOOP|FIRE|UP|DOWN|LEFT|RIGHT"
"""What Atari's names of actions are made of."""


class Overlay:
    """Draws moments; remembers the values of the game so far.

    Args:
        title: such as ``"Breakout"``.
        action_meanings: A names.
        frame_channels: of one frame of the observation, 1 gray or 3 colour.
        screen_size: height and width of the game's screen.
    """

    def __init__(
        self, title: str, action_meanings: Sequence[str], frame_channels: int, screen_size: tuple[int, int]
    ) -> None:
        self._title = title
        self._names = tuple(action_meanings)
        self._frame_channels = frame_channels
        self.scale = max(1, min(GAME // max(screen_size), 8))
        self._game_size = (screen_size[0] * self.scale, screen_size[1] * self.scale)
        self._course = Course(len(self._names))
        self._ground = np.full((*self.size, 3), GROUND, dtype=np.uint8)
        self._beside = self._ground.copy()  # with the panel of the present moment

    @classmethod
    def of(cls, moment: Moment, title: str, spec: EnvSpec) -> "Overlay":
        """The overlay for the games of an environment, of which ``moment`` is one."""
        height, width = moment.frames[0].shape[:2]
        return cls(title, spec.action_meanings, spec.frame_channels, (height, width))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every picture, both even."""
        height = max(self._game_size[0], HEIGHT) + 2 * MARGIN
        width = self._game_size[1] + PANEL + 3 * MARGIN
        return height + height % 2, width + width % 2

    @property
    def game_place(self) -> tuple[int, int]:
        """(x, y) of the game beside the panel, both even."""
        return MARGIN, (self.size[0] - self._game_size[0]) // 4 * 2

    @property
    def pastes_evenly(self) -> bool:
        """Whether the game, enlarged, has an even size, as a video can paste it."""
        return self._game_size[0] % 2 == self._game_size[1] % 2 == 0

    def beside(self) -> tuple[UInt8Array, int]:
        """What stands to the right of the game, [H, w, 3], and at which even column it begins."""
        x = (self.size[1] - PANEL - MARGIN) // 2 * 2
        return self._beside[:, x:], x

    def show(self, moment: Moment) -> None:
        """Turn to this moment: its panel stands beside every picture until the next."""
        self._course.add(moment)
        self._draw_panel(moment, self._beside[:, -PANEL - MARGIN : -MARGIN])

    def picture(self, frame: UInt8Array, panel: bool = True) -> UInt8Array:
        """A screen [H, W, 3] of the game in its place, [*size, 3]; without the panel it stands in the middle."""
        canvas = (self._beside if panel else self._ground).copy()
        left, top = self.game_place
        paste(canvas, frame, left if panel else (canvas.shape[1] - self._game_size[1]) // 2, top, self.scale)
        return canvas

    def _draw_panel(self, moment: Moment, panel: UInt8Array) -> None:
        """Draw on [height, PANEL, 3] from the top down, the network's input at the foot, the curve in what is left."""
        panel[:] = self._ground[:, :PANEL]
        y = self._draw_head(panel, moment, MARGIN)
        y = self._draw_numbers(panel, moment, y)
        y = self._draw_q_values(panel, moment, y)
        foot = self._draw_input(panel, moment, panel.shape[0] - MARGIN)
        self._draw_curve(panel, y, foot)

    def _draw_head(self, panel: UInt8Array, moment: Moment, y: int) -> int:
        right = f"game {moment.game}   decision {moment.length:,}"
        write(panel, right, PANEL, y + 20, 13, DIM, "right")
        room = PANEL - text_width(right, 13) - 16
        size = next((size for size in TITLE_SIZES if text_width(self._title, size) <= room), TITLE_SIZES[-1])
        write(panel, fit(self._title, size, room), 0, y + 20, size, INK)
        return y + 40

    def _draw_numbers(self, panel: UInt8Array, moment: Moment, y: int) -> int:
        fill(panel, 0, y, PANEL, 68, CARD)
        score = f"{moment.score:,.0f}" if moment.score == round(moment.score) else f"{moment.score:,.1f}"
        for x, label in ((14, "SCORE"), (136, "LIVES" if moment.lives is not None else ""), (214, "ACTION")):
            write(panel, label, x, y + 20, 12, DIM)
        write(panel, score, 14, y + 54, 32, INK)
        for life in range(min(moment.lives or 0, 5)):
            disc(panel, 141 + 13 * life, y + 43, 4, INK)
        write(panel, fit(spoken(self._names[moment.action]), 19, PANEL - 226), 214, y + 50, 19, CHOSEN)
        return y + 84

    def _draw_q_values(self, panel: UInt8Array, moment: Moment, y: int) -> int:
        """A row an action; its bar is the distance of its Q-value from the mean of all."""
        write(panel, "Q-VALUES", 0, y + 12, 12, DIM)
        write(panel, "bars: above or below their mean", PANEL, y + 12, 12, FAINT, "right")
        y += 20
        height = min(ROW, 216 // len(self._names))
        for action in range(len(self._names)):
            self._draw_row(panel, moment, action, y + action * height, height)
        return y + len(self._names) * height + 14

    def _draw_row(self, panel: UInt8Array, moment: Moment, action: int, y: int, height: int) -> None:
        size = min(14, height - 1)
        chosen = action == moment.action
        baseline = y + (height + size) // 2 - 2
        write(panel, fit(spoken(self._names[action]), size, 104), 0, baseline, size, CHOSEN if chosen else INK)
        write(panel, f"{moment.q_values[action]:.3f}", PANEL, baseline, size, CHOSEN if chosen else INK, "right")
        middle, reach, gap = 200, 84, max(1, height // 6)
        length = round(reach * float(self._course.advantages[action]) / self._course.spread)
        fill(panel, middle - reach, y + gap, 2 * reach, height - 2 * gap, CARD)
        color = CHOSEN if chosen else BAR if length > 0 else FAINT
        fill(panel, min(middle, middle + length), y + gap, abs(length), height - 2 * gap, color)
        fill(panel, middle, y + gap, 1, height - 2 * gap, DIM)

    def _draw_curve(self, panel: UInt8Array, top: int, bottom: int) -> None:
        """The greatest Q-value of each of the last decisions."""
        write(panel, "VALUE", 0, top + 12, 12, DIM)
        write(panel, f"{self._course.values[-1]:.3f}", PANEL, top + 12, 13, CURVE, "right")
        top, height = top + 20, bottom - top - 34
        fill(panel, 0, top, PANEL, height, CARD)
        box = panel[top + 8 : top + height - 8, 8 : PANEL - 64]
        x, y = curve(box, self._course.values, HISTORY, CURVE)
        disc(panel, 8 + x, top + 8 + y, 3, INK)
        write(panel, f"{max(self._course.values):.2f}", PANEL - 8, top + 16, 12, DIM, "right")
        write(panel, f"{min(self._course.values):.2f}", PANEL - 8, top + height - 8, 12, DIM, "right")

    def _draw_input(self, panel: UInt8Array, moment: Moment, bottom: int) -> int:
        """The frames that the network sees, oldest left; returns where they begin."""
        frames = input_frames(moment.observation, self._frame_channels)
        tile = min(168, (PANEL - 8 * (len(frames) - 1)) // len(frames))
        top = bottom - tile
        for place, frame in enumerate(frames):
            panel[top : top + tile, place * (tile + 8) : place * (tile + 8) + tile] = _fitted(frame, tile)
        write(panel, "WHAT THE NETWORK SEES", 0, top - 8, 12, DIM)
        return top - 30


def input_frames(observation: UInt8Array, frame_channels: int) -> list[UInt8Array]:
    """The frames of a stack [C, H, W], oldest first, as RGB pictures [H, W, 3]."""
    frames = observation.reshape(-1, frame_channels, *observation.shape[1:])
    return [np.repeat(frame, 3 // frame_channels, axis=0).transpose(1, 2, 0) for frame in frames]


def _fitted(picture: UInt8Array, side: int) -> UInt8Array:
    """The nearest pixels of a picture, as large as fits a square of ``side`` with its shape kept, on a dark ground."""
    height, width = picture.shape[:2]
    if height == width == side:
        return picture
    shrink = max(height, width) / side
    rows = (np.arange(max(1, int(height / shrink))) * shrink).astype(int)
    columns = (np.arange(max(1, int(width / shrink))) * shrink).astype(int)
    square = np.full((side, side, 3), CARD, dtype=np.uint8)
    top, left = (side - len(rows)) // 2, (side - len(columns)) // 2
    square[top : top + len(rows), left : left + len(columns)] = picture[np.ix_(rows, columns)]
    return square


def spoken(name: str) -> str:
    """An action's name as people say it: ``UPRIGHTFIRE`` is up right fire, ``move_left`` loses its underscore."""
    if re.fullmatch(f"(?:{BUTTONS})+", name):
        return " ".join(re.findall(BUTTONS, name))
    return name.replace("_", " ")
