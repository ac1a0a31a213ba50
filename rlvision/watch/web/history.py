"""The last decisions, as the page shows them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rlvision.core.types import UInt8Array

KEEP = 1024
"""Decisions that the page can go back to: about a minute of an Atari game, about 40 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameRecord:
    """A decision, encoded once for all viewers."""

    index: int  # decisions shown before it
    facts: dict[str, Any]  # header of its message
    pictures: tuple[bytes, ...]  # of the game, PNG
    stack: bytes  # of frames that the network saw, PNG, the oldest at the top
    observation: UInt8Array  # [C, H, W]
    action: int
    value: float | None  # the greatest Q-value
    game: int


class FrameHistory:
    """The last decisions, by index.

    Args:
        keep: number of decisions.
    """

    def __init__(self, keep: int = KEEP) -> None:
        self.keep = keep
        self._frame_records: deque[FrameRecord] = deque(maxlen=keep)

    @property
    def newest(self) -> FrameRecord | None:
        """The newest decision; None before the first."""
        return self._frame_records[-1] if self._frame_records else None

    @property
    def oldest(self) -> int:
        """Index of the oldest decision in the history."""
        return self._frame_records[0].index if self._frame_records else 0

    @property
    def next_index(self) -> int:
        """Index of the next decision."""
        return self._frame_records[-1].index + 1 if self._frame_records else 0

    def __iter__(self) -> Iterator[FrameRecord]:
        """Iterate over the decisions, the oldest first."""
        return iter(tuple(self._frame_records))

    def add(self, frame_record: FrameRecord) -> None:
        """Add the next decision; drop the oldest if there are too many."""
        self._frame_records.append(frame_record)

    def at(self, index: int) -> FrameRecord | None:
        """Return the decision with that index, or the nearest one in the history."""
        if not self._frame_records:
            return None
        return self._frame_records[min(max(index - self.oldest, 0), len(self._frame_records) - 1)]

    def trail(self, start: int) -> Iterator[tuple[int, float | None, int]]:
        """Yield (index, value, game) of the decisions from ``start`` on."""
        for frame_record in islice(self._frame_records, max(start - self.oldest, 0), None):
            yield frame_record.index, frame_record.value, frame_record.game
