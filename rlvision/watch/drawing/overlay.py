"""Draw a step as one picture: the game, and a panel with the observation, the Q-values and the action.

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
from collections import deque
from collections.abc import Sequence

import numpy as np

from rlvision.core.types import EnvSpec, FloatArray, UInt8Array
from rlvision.watch.drawing.canvas import Color, curve, disc, fill, fit, paste, text_width, write
from rlvision.watch.rollout import RolloutStep, drawable_q_values, q_value_text

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
"""Width of the panel at the right of the game."""
TITLE_SIZES = (22, 18, 15, 13)
"""Font sizes of the title: a long title gets a smaller font before it is cut off."""
HEIGHT = 630
"""Smallest height of the picture without its margins."""
GAME = 640
"""Largest size of the game in pixels, enlarged by a whole factor."""
ROW = 26
"""Largest height of an action's row."""
MOST_ROWS = 18
"""Most actions that have a row, as many as an Atari game has."""
BUTTONS = "NOOP|FIRE|UP|DOWN|LEFT|RIGHT"
"""The parts of Atari's action names."""
HISTORY = 240
"""Decisions in the value curve."""


class ValueTrace:
    """The greatest Q-values, and the spread of the Q-values, over a game's last decisions.

    Args:
        num_actions: A.
    """

    def __init__(self, num_actions: int) -> None:
        self.values: deque[float] = deque(maxlen=HISTORY)
        self.advantages: FloatArray = np.zeros(num_actions, dtype=np.float32)  # [A] distances from the mean Q-value
        self._spreads: deque[float] = deque(maxlen=HISTORY)

    @property
    def spread(self) -> float:
        """Greatest recent distance of a Q-value from the mean of all, which scales the bars."""
        return max(self._spreads, default=0.0) or 1.0

    def add(self, rollout_step: RolloutStep) -> None:
        """Add the next step; the first step of a game clears the trace."""
        if rollout_step.first:
            self.values.clear()
            self._spreads.clear()
        drawable = drawable_q_values(rollout_step.q_values)
        self.advantages = drawable - drawable.mean()
        self.values.append(float(drawable.max()))
        self._spreads.append(float(np.abs(self.advantages).max()))


class Overlay:
    """A drawing of steps, with the values of the game so far.

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
        self._value_trace = ValueTrace(len(self._names))
        self._ground = np.full((*self.size, 3), GROUND, dtype=np.uint8)
        self._with_panel = self._ground.copy()  # including the panel of the current step

    @classmethod
    def of(cls, rollout_step: RolloutStep, title: str, spec: EnvSpec) -> "Overlay":
        """Return an overlay for an environment's games, sized for the screens of ``rollout_step``."""
        height, width = rollout_step.frames[0].shape[:2]
        return cls(title, spec.action_meanings, spec.frame_channels, (height, width))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every picture, both even."""
        height = max(self._game_size[0], HEIGHT) + 2 * MARGIN
        width = self._game_size[1] + PANEL + 3 * MARGIN
        return height + height % 2, width + width % 2

    @property
    def game_place(self) -> tuple[int, int]:
        """(x, y) of the game next to the panel, both even."""
        return MARGIN, (self.size[0] - self._game_size[0]) // 4 * 2

    @property
    def pastes_evenly(self) -> bool:
        """Whether the enlarged game has an even size, which a video needs to paste it."""
        return self._game_size[0] % 2 == self._game_size[1] % 2 == 0

    def side_panel(self) -> tuple[UInt8Array, int]:
        """Return the part to the right of the game, [H, w, 3], and its first column, which is even."""
        x = (self.size[1] - PANEL - MARGIN) // 2 * 2
        return self._with_panel[:, x:], x

    def show(self, rollout_step: RolloutStep) -> None:
        """Draw the panel of this step, for all pictures until the next step."""
        self._value_trace.add(rollout_step)
        self._draw_panel(rollout_step, self._with_panel[:, -PANEL - MARGIN : -MARGIN])

    def picture(self, frame: UInt8Array, panel: bool = True) -> UInt8Array:
        """Return the picture [*size, 3] of a screen [H, W, 3], with the panel or alone in the middle."""
        canvas = (self._with_panel if panel else self._ground).copy()
        left, top = self.game_place
        paste(canvas, frame, left if panel else (canvas.shape[1] - self._game_size[1]) // 2, top, self.scale)
        return canvas

    def _draw_panel(self, rollout_step: RolloutStep, panel: UInt8Array) -> None:
        """Draw on [height, PANEL, 3] from the top down, the network's input at the bottom, the curve between them."""
        panel[:] = self._ground[:, :PANEL]
        y = self._draw_head(panel, rollout_step, MARGIN)
        y = self._draw_numbers(panel, rollout_step, y)
        y = self._draw_q_values(panel, rollout_step, y)
        foot = self._draw_input(panel, rollout_step, panel.shape[0] - MARGIN)
        self._draw_curve(panel, y, foot)

    def _draw_head(self, panel: UInt8Array, rollout_step: RolloutStep, y: int) -> int:
        right = f"game {rollout_step.game}   decision {rollout_step.length:,}"
        write(panel, right, PANEL, y + 20, 13, DIM, "right")
        room = PANEL - text_width(right, 13) - 16
        size = next((size for size in TITLE_SIZES if text_width(self._title, size) <= room), TITLE_SIZES[-1])
        write(panel, fit(self._title, size, room), 0, y + 20, size, INK)
        return y + 40

    def _draw_numbers(self, panel: UInt8Array, rollout_step: RolloutStep, y: int) -> int:
        fill(panel, 0, y, PANEL, 68, CARD)
        score = (
            f"{rollout_step.score:,.0f}"
            if rollout_step.score == round(rollout_step.score)
            else f"{rollout_step.score:,.1f}"
        )
        for x, label in ((14, "SCORE"), (136, "LIVES" if rollout_step.lives is not None else ""), (214, "ACTION")):
            write(panel, label, x, y + 20, 12, DIM)
        write(panel, score, 14, y + 54, 32, INK)
        for life in range(min(rollout_step.lives or 0, 5)):
            disc(panel, 141 + 13 * life, y + 43, 4, INK)
        write(panel, fit(readable_action(self._names[rollout_step.action]), 19, PANEL - 226), 214, y + 50, 19, CHOSEN)
        return y + 84

    def _draw_q_values(self, panel: UInt8Array, rollout_step: RolloutStep, y: int) -> int:
        """Draw one row per action; its bar is the distance of its Q-value from the mean of all."""
        write(panel, "Q-VALUES", 0, y + 12, 12, DIM)
        shown = shown_actions(rollout_step)
        of = f"the best {len(shown)} of {len(self._names):,}" if len(shown) < len(self._names) else "bars"
        write(panel, f"{of}: above or below their mean", PANEL, y + 12, 12, FAINT, "right")
        y += 20
        height = min(ROW, 216 // len(shown))
        for place, action in enumerate(shown):
            self._draw_row(panel, rollout_step, action, y + place * height, height)
        return y + len(shown) * height + 14

    def _draw_row(self, panel: UInt8Array, rollout_step: RolloutStep, action: int, y: int, height: int) -> None:
        size = min(14, height - 1)
        chosen = action == rollout_step.action
        baseline = y + (height + size) // 2 - 2
        write(panel, fit(readable_action(self._names[action]), size, 104), 0, baseline, size, CHOSEN if chosen else INK)
        write(panel, q_value_text(rollout_step, action), PANEL, baseline, size, CHOSEN if chosen else INK, "right")
        middle, reach, gap = 200, 84, max(1, height // 6)
        length = round(reach * float(self._value_trace.advantages[action]) / self._value_trace.spread)
        fill(panel, middle - reach, y + gap, 2 * reach, height - 2 * gap, CARD)
        color = CHOSEN if chosen else BAR if length > 0 else FAINT
        fill(panel, min(middle, middle + length), y + gap, abs(length), height - 2 * gap, color)
        fill(panel, middle, y + gap, 1, height - 2 * gap, DIM)

    def _draw_curve(self, panel: UInt8Array, top: int, bottom: int) -> None:
        """Draw the greatest Q-value of each of the last decisions."""
        write(panel, "VALUE", 0, top + 12, 12, DIM)
        write(panel, f"{self._value_trace.values[-1]:.3f}", PANEL, top + 12, 13, CURVE, "right")
        top, height = top + 20, bottom - top - 34
        fill(panel, 0, top, PANEL, height, CARD)
        box = panel[top + 8 : top + height - 8, 8 : PANEL - 64]
        x, y = curve(box, self._value_trace.values, HISTORY, CURVE)
        disc(panel, 8 + x, top + 8 + y, 3, INK)
        write(panel, f"{max(self._value_trace.values):.2f}", PANEL - 8, top + 16, 12, DIM, "right")
        write(panel, f"{min(self._value_trace.values):.2f}", PANEL - 8, top + height - 8, 12, DIM, "right")

    def _draw_input(self, panel: UInt8Array, rollout_step: RolloutStep, bottom: int) -> int:
        """Draw the frames that the network sees, the oldest on the left; return the row where they begin."""
        frames = input_frames(rollout_step.observation, self._frame_channels)
        tile = min(168, (PANEL - 8 * (len(frames) - 1)) // len(frames))
        top = bottom - tile
        for place, frame in enumerate(frames):
            panel[top : top + tile, place * (tile + 8) : place * (tile + 8) + tile] = _fitted(frame, tile)
        write(panel, "WHAT THE NETWORK SEES", 0, top - 8, 12, DIM)
        return top - 30


def shown_actions(rollout_step: RolloutStep) -> list[int]:
    """Return the actions that have a row, in their order: all, or those of the greatest Q-values and the chosen one."""
    q_values = rollout_step.q_values
    if len(q_values) <= MOST_ROWS:
        return list(range(len(q_values)))
    best = np.argsort(np.nan_to_num(-q_values, nan=np.inf), kind="stable").tolist()
    others = [action for action in best if action != rollout_step.action]
    return sorted([int(rollout_step.action), *others[: MOST_ROWS - 1]])


def input_frames(observation: UInt8Array, frame_channels: int) -> list[UInt8Array]:
    """Split a stack [C, H, W] into RGB pictures [H, W, 3], the oldest first."""
    frames = observation.reshape(-1, frame_channels, *observation.shape[1:])
    return [np.repeat(frame, 3 // frame_channels, axis=0).transpose(1, 2, 0) for frame in frames]


def _fitted(picture: UInt8Array, side: int) -> UInt8Array:
    """Scale a picture to fit a dark square of ``side``, with its shape kept, by nearest neighbours."""
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


def readable_action(name: str) -> str:
    """Separate the words of an action's name: ``UPRIGHTFIRE`` is UP RIGHT FIRE, ``move_left`` is move left."""
    if re.fullmatch(f"(?:{BUTTONS})+", name):
        return " ".join(re.findall(BUTTONS, name))
    return name.replace("_", " ")
