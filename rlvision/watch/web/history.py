"""A moment as the page shows it, and the last many of them."""

import math
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from rlvision.core.errors import ConfigError
from rlvision.core.types import UInt8Array
from rlvision.watch.step import Moment
from rlvision.watch.web.protocol import finite

KEEP = 1024
"""Decisions that can be gone back to: about a minute of an Atari game, some 40 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A moment, encoded once for all viewers."""

    index: int  # decisions shown before it
    facts: dict[str, Any]  # what JSON can say of it
    pictures: tuple[bytes, ...]  # the game, PNG
    stack: bytes  # what the network saw, PNG, the oldest frame at the top
    observation: UInt8Array  # [C, H, W]
    action: int
    value: float | None  # the greatest Q-value
    game: int


def take(moment: Moment, index: int, *, frame_channels: int, by_person: bool, seconds: float, thin: int = 1) -> Shot:
    """The shot of a moment.

    Args:
        moment: what is shown.
        index: decisions shown before it.
        frame_channels: of one frame of the observation, 1 gray or 3 colour.
        by_person: whether a person chose the action.
        seconds: for how long its pictures are shown.
        thin: keep every so-manieth picture, counted from the last.
    """
    q_values = finite(moment.q_values.tolist())
    known = [value for value in q_values if value is not None]
    facts = {
        "index": index,
        "game": moment.game,
        "length": moment.length,
        "score": moment.score if math.isfinite(moment.score) else None,
        "lives": moment.lives,
        "action": moment.action,
        "greedy": int(np.nan_to_num(moment.q_values, nan=-np.inf).argmax()),
        "q": q_values,
        "person": by_person,
        "seed": moment.seed,
        "over": moment.over,
        "seconds": seconds,
    }
    return Shot(
        index=index,
        facts=facts,
        pictures=tuple(png(frame) for frame in moment.frames[::-thin][::-1]),
        stack=png(_column(moment.observation, frame_channels)),
        observation=moment.observation,
        action=moment.action,
        value=max(known, default=None),
        game=moment.game,
    )


def _column(observation: UInt8Array, frame_channels: int) -> UInt8Array:
    """The frames of a stack [C, H, W], one below the other: [stack * H, W] gray, or [stack * H, W, 3]."""
    height, width = observation.shape[1:]
    frames = observation.reshape(-1, frame_channels, height, width)  # [stack, c, H, W]
    column = frames.transpose(0, 2, 3, 1).reshape(-1, width, frame_channels)
    return np.ascontiguousarray(column[:, :, 0] if frame_channels == 1 else column)


class History:
    """The last `KEEP` shots, by their index.

    Args:
        keep: how many.
    """

    def __init__(self, keep: int = KEEP) -> None:
        self.keep = keep
        self._shots: deque[Shot] = deque(maxlen=keep)

    @property
    def newest(self) -> Shot | None:
        """The last one; None before the first."""
        return self._shots[-1] if self._shots else None

    @property
    def oldest(self) -> int:
        """Index of the first one that is still there."""
        return self._shots[0].index if self._shots else 0

    @property
    def next_index(self) -> int:
        """Of the shot to come."""
        return self._shots[-1].index + 1 if self._shots else 0

    def __iter__(self) -> Iterator[Shot]:
        """Those that are still there, the oldest first."""
        return iter(tuple(self._shots))

    def add(self, shot: Shot) -> None:
        """Take the next one; the oldest makes room."""
        self._shots.append(shot)

    def at(self, index: int) -> Shot | None:
        """The shot of that index, or the nearest that is there."""
        if not self._shots:
            return None
        return self._shots[min(max(index - self.oldest, 0), len(self._shots) - 1)]

    def trail(self, start: int) -> Iterator[tuple[int, float | None, int]]:
        """(index, value, game) of the shots from ``start`` on."""
        for shot in islice(self._shots, max(start - self.oldest, 0), None):
            yield shot.index, shot.value, shot.game


SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB = 0, 2
LEVEL = 1
"""Of the compression: a screen of Pong takes 0.2 ms and 1.2 kB; Pillow at its fastest 0.7 ms and 1.3 kB."""


def png(picture: UInt8Array) -> bytes:
    """A picture [H, W] or [H, W, 3] uint8 as a PNG file (ISO/IEC 15948), without row filters.

    Raises:
        ConfigError: it has another shape or type.
    """
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise ConfigError(
            f"expected a picture [H, W] or [H, W, 3] uint8, got {list(picture.shape)} {picture.dtype}: convert it"
        )
    height, width = picture.shape[:2]
    color = GRAY if picture.ndim == 2 else RGB
    rows = np.pad(picture.reshape(height, -1), ((0, 0), (1, 0)))  # each behind its filter's number, 0: none
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), LEVEL)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
