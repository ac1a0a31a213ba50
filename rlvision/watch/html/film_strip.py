"""Many small pictures as a few long ones: a strip of neighbours compresses three times as well as each alone."""

import base64
import io

import numpy as np
from PIL import Image

from rlvision.core.types import UInt8Array

PICTURES = 64
"""In a strip, at most."""
MOST_ROWS = 16_383
"""What WebP can hold."""
MOST_BYTES = 2**22
"""Of the pictures in a strip: to compress it takes about seven times as much memory, in the middle of training."""


class Film:
    """Collects pictures of one size, and keeps them as WebP strips, one picture below the other.

    Args:
        lossless: exactly, or as well as ``quality`` says.
        quality: of lossy pictures, 0 to 100.
    """

    def __init__(self, *, lossless: bool = True, quality: int = 50) -> None:
        self._options = {"lossless": True, "method": 4, "quality": 30} if lossless else {"quality": quality}
        self._waiting: list[UInt8Array] = []
        self.strips: list[str] = []  # base64
        self.pictures = 0
        self.size = (0, 0)  # of a picture: height, width
        self._bytes = 0  # of a picture

    @property
    def per_strip(self) -> int:
        """Pictures in every strip but the last."""
        return max(1, min(PICTURES, MOST_ROWS // max(1, self.size[0]), MOST_BYTES // max(1, self._bytes)))

    def add(self, picture: UInt8Array) -> None:
        """The next picture, [H, W, 3] or gray [H, W]."""
        height, width = picture.shape[:2]
        self.size, self._bytes = (height, width), picture.nbytes
        self._waiting.append(picture)
        self.pictures += 1
        if len(self._waiting) == self.per_strip:
            self.close()

    def close(self) -> None:
        """Develop what is left."""
        if self._waiting:
            strip = io.BytesIO()
            Image.fromarray(np.concatenate(self._waiting)).save(strip, "WEBP", **self._options)
            self.strips.append(base64.b64encode(strip.getvalue()).decode())
            self._waiting.clear()

    def as_json(self) -> dict[str, object]:
        """What the page needs to show it."""
        return {"height": self.size[0], "width": self.size[1], "perStrip": self.per_strip, "strips": self.strips}
