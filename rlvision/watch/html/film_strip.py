"""Sprite sheets of small pictures: neighbours in one strip compress three times as well as alone."""

import base64
import io

import numpy as np
from PIL import Image

from rlvision.core.types import UInt8Array

PICTURES = 64
"""Largest number of pictures in a strip."""
MAX_ROWS = 16_383
"""Largest number of rows of a WebP picture."""
MAX_STRIP_BYTES = 2**22
"""Largest size of the pictures in a strip, since compression needs about seven times as much memory during training."""


class SpriteSheet:
    """Pictures of one size, stored as WebP strips with one picture below the other.

    Args:
        lossless: whether the pictures are stored exactly.
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
        """Pictures in each strip but the last."""
        return max(1, min(PICTURES, MAX_ROWS // max(1, self.size[0]), MAX_STRIP_BYTES // max(1, self._bytes)))

    def add(self, picture: UInt8Array) -> None:
        """Add the next picture, [H, W, 3] or gray [H, W]."""
        height, width = picture.shape[:2]
        self.size, self._bytes = (height, width), picture.nbytes
        self._waiting.append(picture)
        self.pictures += 1
        if len(self._waiting) == self.per_strip:
            self.close()

    def close(self) -> None:
        """Compress the pictures that are left."""
        if self._waiting:
            strip = io.BytesIO()
            Image.fromarray(np.concatenate(self._waiting)).save(strip, "WEBP", **self._options)
            self.strips.append(base64.b64encode(strip.getvalue()).decode())
            self._waiting.clear()

    def as_json(self) -> dict[str, object]:
        """Return the strips and their layout, as player.js reads them."""
        return {"height": self.size[0], "width": self.size[1], "perStrip": self.per_strip, "strips": self.strips}
