"""What travels between the page and the player.

To the page go binary messages, pictures and all::

    length of the header (4 bytes, little endian) | header, JSON | blob | blob | ...

The header's ``kind`` says what it is, its ``sizes`` how long each blob is:

==========  ============================================================  =======================================
kind        header                                                        blobs
==========  ============================================================  =======================================
``hello``   title, actions, fps, keep, frames (of a stack), part           none
``status``  paused, speed, epsilon, who plays, weights, notice, viewers   none
``moment``  a decision and what came of it                                its pictures and the stack, PNG
``trail``   entries [index, value, game] of decisions, and the oldest     none
``insight`` of which decision, the levels and their shapes, the saliency  int8 maps of each level, uint8 saliency
==========  ============================================================  =======================================

From the page come JSON objects: see `rlvision.watch.web.messages`.
"""

import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def pack(kind: str, header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """One message to the page."""
    whole = {"kind": kind, **header, "sizes": [len(blob) for blob in blobs]}
    encoded = json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()
    return b"".join((struct.pack("<I", len(encoded)), encoded, *blobs))


def unpack(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Header and blobs of a message, as the page reads them."""
    (length,) = struct.unpack_from("<I", message)
    header: dict[str, Any] = json.loads(message[4 : 4 + length])
    blobs, start = [], 4 + length
    for size in header["sizes"]:
        blobs.append(message[start : start + size])
        start += size
    return header, blobs


def finite(values: Iterable[float]) -> list[float | None]:
    """Numbers as JSON has them: without infinities and NaN, which a diverged network may give."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
