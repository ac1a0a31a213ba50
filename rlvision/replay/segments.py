"""The rows on disk: each checkpoint writes one file of the rows that came since the last one.

::

    rows      0 ........ 400 ........ 800 .... 1000 ........ 1200
    files     |__ a _____|___ b ______|__ c ____|____ d _____|
    ring                     oldest 500 ~~~~~~~~~~~~~~~~~~~~~      manifest: b, c, d

A file is the raw bytes of the fields of `Ring`, one after the other, each in the order of its rows.
It is named after its rows and its checksum, so that no file is ever written anew with other content.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor

from rlvision.durable import PART, sync_folder
from rlvision.errors import CheckpointError
from rlvision.replay.ring import Ring
from rlvision.types import State

Manifest = list[State]
"""The segments of which a ring consists, oldest first, as plain dicts: name, start, stop, checksum."""

BLOCK_BYTES = 2**24
SUFFIX = ".rows"


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows start … stop - 1, in one file."""

    name: str
    start: int
    stop: int
    checksum: int  # CRC-32


class Segments:
    """Saves and loads the rows of a ring.

    Args:
        ring: whose rows.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._saved: list[Segment] = []

    def save(self, folder: Path) -> Manifest:
        """Write the rows that are not in ``folder`` yet and say of which files the ring consists.

        Reads the ring and changes nothing in it. The file is complete and on disk when this returns.
        """
        ring = self._ring
        folder.mkdir(parents=True, exist_ok=True)
        if not all((folder / segment.name).exists() for segment in self._saved):
            self._saved = []
        start = max(ring.oldest, self._saved[-1].stop if self._saved else 0)
        if start < ring.rows:
            self._saved.append(_write(ring, start, ring.rows, folder))
        self._saved = [segment for segment in self._saved if segment.stop > ring.oldest]
        return [asdict(segment) for segment in self._saved]

    def load(self, folder: Path, manifest: Manifest) -> None:
        """Fill the ring with the rows of a manifest, each in the slot where it was.

        Raises:
            CheckpointError: A file is missing or damaged, or the files are not those of such a ring.
        """
        segments = [Segment(**entry) for entry in manifest]
        self._check_coverage(segments)
        for segment in segments:
            _read(self._ring, segment, folder)
        self._ring.rows = segments[-1].stop if segments else 0
        self._saved = segments

    def _check_coverage(self, segments: list[Segment]) -> None:
        bounds = [(segment.start, segment.stop) for segment in segments]
        gaps = [start for (_, stop), (start, _) in pairwise(bounds) if start != stop]
        if gaps or (bounds and bounds[0][0] > max(0, bounds[-1][1] - self._ring.length)):
            raise CheckpointError(
                f"expected the last {self._ring.length} rows without a gap, got rows {bounds}: "
                "resume with the capacity and the number of environments of the run"
            )


def collect_garbage(folder: Path, manifests_in_use: Iterable[Manifest]) -> None:
    """Delete the segments in ``folder`` that no manifest names, and what an interrupted save left."""
    used = {entry["name"] for manifest in manifests_in_use for entry in manifest}
    for path in (*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{PART}")):
        if path.name not in used:
            path.unlink()


def _write(ring: Ring, start: int, stop: int, folder: Path) -> Segment:
    """Write beside, flush to the disk, rename."""
    part = folder / f"{start}-{stop}{PART}"
    checksum = 0
    with part.open("wb") as file:
        for block in _blocks(ring, start, stop):
            content = _content(block.cpu())
            checksum = crc32(content, checksum)
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    segment = Segment(f"{start:012d}-{stop:012d}-{checksum:08x}{SUFFIX}", start, stop, checksum)
    part.replace(folder / segment.name)
    sync_folder(folder)
    return segment


def _read(ring: Ring, segment: Segment, folder: Path) -> None:
    path = folder / segment.name
    expected = sum(field[0].nbytes for field in ring.fields) * (segment.stop - segment.start)
    found = path.stat().st_size if path.exists() else None
    if found != expected:
        raise CheckpointError(f"expected {expected} bytes of rows in {path}, found {found}: use an earlier checkpoint")
    with path.open("rb") as file:
        checksum = _fill(ring, segment, file)
    if checksum != segment.checksum:
        raise CheckpointError(
            f"expected checksum {segment.checksum:08x} of {path}, got {checksum:08x}: "
            "the file is damaged, use an earlier checkpoint"
        )


def _fill(ring: Ring, segment: Segment, file: BufferedReader) -> int:
    checksum = 0
    for block in _blocks(ring, segment.start, segment.stop):
        staged = torch.empty(block.shape, dtype=block.dtype)
        content = _content(staged)
        file.readinto(content)
        checksum = crc32(content, checksum)
        block.copy_(staged)
    return checksum


def _blocks(ring: Ring, start: int, stop: int) -> Iterator[Tensor]:
    """Views [rows, N, …] of each field in turn, none across the ring's seam, none larger than a block."""
    for field in ring.fields:
        at_most = max(1, BLOCK_BYTES // field[0].nbytes)
        row = start
        while row < stop:
            slot = row % ring.length
            count = min(at_most, stop - row, ring.length - slot)
            yield field[slot : slot + count]
            row += count


def _content(tensor: Tensor) -> memoryview:
    """The bytes of a contiguous tensor of the CPU, not copied."""
    return tensor.numpy().data.cast("B")
