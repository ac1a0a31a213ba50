"""The encoding of the messages between the page and the server.

The server sends binary messages, pictures included::

    length of the header (4 bytes, little endian) | header, JSON | blob | blob | ...

The header's ``kind`` names the message, its ``sizes`` give the length of each blob:

==============  ========================================================  =======================================
kind            header                                                    blobs
==============  ========================================================  =======================================
``hello``       title, actions, their names, fps, keep, stack, part       none
``status``      paused, speed, epsilon, person, weights, notice, viewers  none
``step``        a decision and its outcome                                its pictures and the stack, PNG
``trail``       entries [index, value, game], and the oldest index        none
``inspection``  index of the decision, levels and their shapes, saliency  int8 maps of each level, uint8 saliency
==============  ========================================================  =======================================

The page sends JSON objects: see `rlvision.watch.web.client`.
"""

import json
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rlvision.core.errors import ConfigError
from rlvision.core.types import UInt8Array

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB = 0, 2
LEVEL = 1
"""Compression level: a screen of Pong takes 0.2 ms and 1.2 kB; Pillow's fastest level takes 0.7 ms and 1.3 kB."""


def pack(kind: str, header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """Encode one message to the page."""
    whole = {"kind": kind, **header, "sizes": [len(blob) for blob in blobs]}
    encoded = json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()
    return b"".join((struct.pack("<I", len(encoded)), encoded, *blobs))


def unpack(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Split a message into its header and its blobs, as the page does."""
    (length,) = struct.unpack_from("<I", message)
    header: dict[str, Any] = json.loads(message[4 : 4 + length])
    blobs, start = [], 4 + length
    for size in header["sizes"]:
        blobs.append(message[start : start + size])
        start += size
    return header, blobs


def finite(values: Iterable[float]) -> list[float | None]:
    """Round numbers to six digits; JSON has no infinities and NaN, which become None."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]


def png(picture: UInt8Array) -> bytes:
    """Encode a picture [H, W] or [H, W, 3] uint8 as a PNG file (ISO/IEC 15948), without row filters.

    Raises:
        ConfigError: the picture has another shape or type.
    """
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise ConfigError(
            f"expected a picture [H, W] or [H, W, 3] uint8, got {list(picture.shape)} {picture.dtype}: convert it"
        )
    height, width = picture.shape[:2]
    color = GRAY if picture.ndim == 2 else RGB
    rows = np.pad(picture.reshape(height, -1), ((0, 0), (1, 0)))  # each row after the number of its filter, 0: none
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), LEVEL)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
