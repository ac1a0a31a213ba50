"""Pictures in a terminal's character cells, with two pixels per cell; only changed cells are sent.

::

    cell    ▀    upper pixel: ink          lower pixel: ground
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from rlvision.core.types import BoolArray, UInt8Array
from rlvision.watch.drawing.canvas import Color

Depth = Literal["truecolor", "256"]
Codes = npt.NDArray[np.int32]

UPPER_HALF, BLANK = ord("▀"), ord(" ")
STEPS = np.array([0, 95, 135, 175, 215, 255])
"""Levels of each channel in xterm's cube of 216 colours, which begin at number 16."""
GRAYS = 8 + 10 * np.arange(24)
"""Levels of xterm's 24 grays, which begin at number 232."""
TOGETHER, AS_ONE = "\x1b[?2026h", "\x1b[?2026l"
"""Around an update that a terminal should show at once; terminals without this mode ignore it."""


def color_depth(environment: Mapping[str, str] = os.environ) -> Depth:
    """Return 24-bit colours if the terminal announces them (``COLORTERM``, ``TERM``), otherwise 256."""
    says_so = environment.get("COLORTERM", "").lower() in ("truecolor", "24bit")
    return "truecolor" if says_so or environment.get("TERM", "").endswith("-direct") else "256"


class Cells:
    """A screen of character cells to draw on.

    Args:
        rows: of the terminal.
        columns: of the terminal.
        ground: background colour of all cells.
    """

    def __init__(self, rows: int, columns: int, ground: Color) -> None:
        self.size = (rows, columns)
        self.letters: Codes = np.full(self.size, BLANK, dtype=np.int32)
        self.inks: UInt8Array = np.full((*self.size, 3), ground, dtype=np.uint8)
        self.grounds: UInt8Array = self.inks.copy()

    def write(self, row: int, column: int, text: str, ink: Color, ground: Color | None = None) -> None:
        """Write one line of text, cut off at the edges."""
        rows, columns = self.size
        if 0 <= row < rows and 0 <= column < columns and text:
            text = text[: columns - column]
            place = (row, slice(column, column + len(text)))
            self.letters[place] = [ord(letter) for letter in text]
            self.inks[place] = ink
            if ground is not None:
                self.grounds[place] = ground

    def fill(self, row: int, column: int, length: int, ground: Color) -> None:
        """Write blanks on another background."""
        self.write(row, column, " " * length, ground, ground)

    def paste(self, row: int, column: int, picture: UInt8Array) -> None:
        """Draw a picture [2h, w, 3], a pixel in each half of h x w cells."""
        height, width = picture.shape[0] // 2, picture.shape[1]
        place = (slice(row, row + height), slice(column, column + width))
        self.letters[place] = UPPER_HALF
        self.inks[place], self.grounds[place] = picture[::2], picture[1::2]


class Painter:
    """A converter from cells to escape sequences, given what the terminal already shows.

    Args:
        depth: of the terminal's colours.
    """

    def __init__(self, depth: Depth) -> None:
        self._depth = depth
        self._shown: tuple[Codes, Codes, Codes] | None = None

    def changes(self, cells: Cells) -> str:
        """Return the escape sequences that turn the last cells into these; draw all cells if the size has changed."""
        new = _plain(cells.letters, *(to_codes(colors, self._depth) for colors in (cells.inks, cells.grounds)))
        old, self._shown = self._shown, new
        if old is None or old[0].shape != new[0].shape:
            return f"{TOGETHER}\x1b[0m\x1b[2J{self._draw(new, np.ones(cells.size, dtype=np.bool_))}{AS_ONE}"
        changed = (old[0] != new[0]) | (old[1] != new[1]) | (old[2] != new[2])
        return f"{TOGETHER}{self._draw(new, changed)}{AS_ONE}" if changed.any() else ""

    def _draw(self, new: tuple[Codes, Codes, Codes], changed: BoolArray) -> str:
        """Write the changed cells line by line; move the cursor and set colours only where they differ."""
        letters, inks, grounds = (codes[changed].tolist() for codes in new)
        places = np.argwhere(changed).tolist()
        out, cursor, pen = [], (-1, -1), (-1, -1)
        for (row, column), letter, ink, ground in zip(places, letters, inks, grounds, strict=True):
            if (row, column) != cursor:
                out.append(f"\x1b[{row + 1};{column + 1}H")
            if ground != pen[1]:
                out.append(_sgr(ground, 48, self._depth))
            if ink != pen[0] and letter != BLANK:
                out.append(_sgr(ink, 38, self._depth))
            out.append(chr(letter))
            cursor, pen = (row, column + 1), (pen[0] if letter == BLANK else ink, ground)
        return "".join(out)


def to_codes(colors: UInt8Array, depth: Depth) -> Codes:
    """Encode colours [.., 3] as numbers [..]: 0xRRGGBB, or the nearest of xterm's 256."""
    wide = colors.astype(np.int32)
    if depth == "truecolor":
        return np.asarray(wide @ np.array([65536, 256, 1], dtype=np.int32), dtype=np.int32)
    steps = np.abs(wide[..., None] - STEPS).argmin(axis=-1)  # [.., 3]
    grays = np.abs(wide.mean(axis=-1)[..., None] - GRAYS).argmin(axis=-1)  # [..]
    of_cube = ((STEPS[steps] - wide) ** 2).sum(axis=-1)
    of_gray = ((GRAYS[grays][..., None] - wide) ** 2).sum(axis=-1)
    nearest = np.where(of_gray < of_cube, 232 + grays, 16 + steps @ np.array([36, 6, 1]))
    return np.asarray(nearest, dtype=np.int32)


def _plain(letters: Codes, inks: Codes, grounds: Codes) -> tuple[Codes, Codes, Codes]:
    """Turn half blocks of one colour into blanks, and drop the ink of blanks, so that fewer cells change."""
    plain = np.where((letters == UPPER_HALF) & (inks == grounds), BLANK, letters).astype(np.int32)
    return plain, np.where(plain == BLANK, 0, inks).astype(np.int32), grounds


@lru_cache(maxsize=4096)
def _sgr(code: int, layer: int, depth: Depth) -> str:
    """Return the escape sequence that sets the ink (layer 38) or the background (48)."""
    if depth == "256":
        return f"\x1b[{layer};5;{code}m"
    return f"\x1b[{layer};2;{code >> 16};{code >> 8 & 255};{code & 255}m"
