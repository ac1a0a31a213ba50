"""Letters on pictures: antialiased, at any size, with the font that Pillow brings along."""

from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rlvision.core.errors import MissingExtraError
from rlvision.core.types import FloatArray, UInt8Array
from rlvision.watch.drawing.shapes import Color, blend

Align = Literal["left", "center", "right"]


def write(canvas: UInt8Array, text: str, x: int, y: int, size: int, color: Color, align: Align = "left") -> None:
    """Write onto ``canvas`` [H, W, 3], in place; what would fall outside is cut off.

    Args:
        canvas: the picture.
        text: one line.
        x: where the text begins, has its middle or ends, by ``align``.
        y: the baseline.
        size: of the font, in pixels.
        color: of the letters.
        align: which end of the text ``x`` is.
    """
    mask, ascent = _mask(text, size)
    left = x - {"left": 0, "center": mask.shape[1] // 2, "right": mask.shape[1]}[align]
    _stamp(canvas, mask, left, y - ascent, color)


def text_width(text: str, size: int) -> int:
    """Pixels that `write` needs for it."""
    return len(_mask(text, size)[0][0])


def fit(text: str, size: int, width: int) -> str:
    """The text, cut off with an ellipsis where it is wider than ``width`` pixels."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise MissingExtraError(
            "expected Pillow with FreeType, got one without: reinstall it with `pip install pillow`"
        )
    return font


@lru_cache(maxsize=512)  # some ten pictures of them: numbers rarely come again
def _mask(text: str, size: int) -> tuple[FloatArray, int]:
    """How much each pixel is covered, [h, w] from 0 to 1, and the rows above the baseline."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    width = max(1, round(font.getlength(text)))
    image = Image.new("L", (width, ascent + descent))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return np.asarray(image, dtype=np.float32) / np.float32(255), ascent


def _stamp(canvas: UInt8Array, mask: FloatArray, left: int, top: int, color: Color) -> None:
    height, width = canvas.shape[:2]
    rows = slice(max(0, top), min(height, top + mask.shape[0]))
    columns = slice(max(0, left), min(width, left + mask.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    cover = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    blend(canvas[rows, columns], cover, color)
