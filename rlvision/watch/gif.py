"""Animated GIFs, for places that show pictures but no videos, such as a README.

A GIF has at most 256 colours in a picture and times in hundredths of a second; browsers slow down pictures that are
shown for less than two of them. So pictures are left out down to `MOST_FPS`, and each stores only the rectangle that
differs from the one before, with colours of its own. One picture at a time is in memory.
"""

import math
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata, getheader

from rlvision.core.errors import ConfigError
from rlvision.core.types import UInt8Array

MOST_FPS = 25.0
COLOURS = 256
END = b";"


class Gif:
    """A GIF that is being written; it repeats for ever.

    Args:
        file: to write to.
        height: of the pictures.
        width: of the pictures.
        fps: pictures per second that come.
    """

    def __init__(self, file: BinaryIO, height: int, width: int, fps: float) -> None:
        self._file = file
        self._canvas: UInt8Array = np.zeros((height, width, 3), dtype=np.uint8)
        self._shown: UInt8Array | None = None
        self._waiting: tuple[Image.Image, tuple[int, int]] | None = None  # the picture whose time is not known yet
        self._since = 0.0  # seconds at which it appears
        self._every = max(1, math.ceil(fps / MOST_FPS))
        self._fps = fps
        self.frames = 0

    def write(self, picture: UInt8Array) -> None:
        """Add one RGB picture [H, W, 3] uint8, of the GIF's size.

        Raises:
            ConfigError: the picture has another size.
        """
        if picture.shape != self._canvas.shape:
            raise ConfigError(
                f"expected pictures of shape {self._canvas.shape}, got {picture.shape}: give them all one size"
            )
        self.paint(picture, 0, 0)
        self.emit()

    def paint(self, picture: UInt8Array, x: int, y: int) -> None:
        """Replace a part of the next picture by ``picture`` [h, w, 3] at (x, y)."""
        height, width = picture.shape[:2]
        self._canvas[y : y + height, x : x + width] = picture

    def paste(self, picture: UInt8Array, x: int, y: int, scale: int) -> None:
        """Replace a part by ``picture`` enlarged by ``scale``."""
        self.paint(picture.repeat(scale, axis=0).repeat(scale, axis=1), x, y)

    def emit(self) -> None:
        """Add the picture in its current state."""
        if self.frames % self._every == 0:
            self._add()
        self.frames += 1

    def flush(self) -> None:
        """Write the last picture and the end of the file."""
        self._add()
        self._write_waiting()
        self._file.write(END)

    def _add(self) -> None:
        """Let the picture wait until the next one gives it its time; a picture that changes nothing adds time."""
        if (part := self._changed()) is None:
            return
        self._write_waiting()
        rows, columns = part
        image = Image.fromarray(self._canvas[rows, columns]).quantize(COLOURS, dither=Image.Dither.NONE)
        if self._shown is None:
            header, _ = getheader(image, info={"loop": 0})
            self._file.writelines(header)
        self._waiting = image, (columns.start, rows.start)
        self._since = self.frames / self._fps
        self._shown = self._canvas.copy()

    def _changed(self) -> tuple[slice, slice] | None:
        """Return the rows and columns that differ from the picture shown; None if there are none."""
        if self._shown is None:
            return slice(0, self._canvas.shape[0]), slice(0, self._canvas.shape[1])
        differs = (self._canvas != self._shown).any(axis=2)
        rows, columns = (np.flatnonzero(differs.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return None
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    def _write_waiting(self) -> None:
        if self._waiting is None:
            return
        image, offset = self._waiting
        hundredths = round(100 * self.frames / self._fps) - round(100 * self._since)
        for block in getdata(image, offset, duration=10 * max(1, hundredths), include_color_table=True):
            self._file.write(block)
        self._waiting = None
