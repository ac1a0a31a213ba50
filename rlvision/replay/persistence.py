"""Replay rows on disk: each checkpoint writes one file with the rows added since the last checkpoint.

::

    rows      0 ........ 400 ........ 800 .... 1000 ........ 1200
    files     |__ a _____|___ b ______|__ c ____|____ d _____|
    ring                     oldest 500 ~~~~~~~~~~~~~~~~~~~~~      manifest: b, c, d

A file is a sequence of blocks of rows. Each block is compressed on its own, so writing and reading hold one block at a
time. Consecutive frames are alike, so a block compresses much better than single frames::

    rows, bytes (two uint32, little-endian)    the fields of the rows, one after the other, compressed    …

A file is named after its rows and its checksum, so no name is ever reused with other content.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise, takewhile
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING
from zlib import crc32

from rlvision.core.errors import CheckpointError
from rlvision.core.files import PART, NewFile, open_to_read, path_exists
from rlvision.core.folders import list_folder, make_folder
from rlvision.core.types import Progress, Rows
from rlvision.replay.compression import compress, decompress

if TYPE_CHECKING:
    from rlvision.replay.storage import Fields, RingBuffer

BLOCK_BYTES = 2**22
SUFFIX = ".rows.lz4"
HEAD = Struct("<II")


@dataclass(frozen=True, slots=True)
class Segment:
    """A file with the rows start … stop - 1."""

    name: str
    start: int
    stop: int
    checksum: int  # CRC-32

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start


class Segments:
    """The files that hold the rows of a ring buffer.

    Args:
        ring: the ring buffer to save and load.
    """

    def __init__(self, ring: "RingBuffer") -> None:
        self._ring = ring
        self._saved: list[Segment] = []

    def save(self, folder: Path) -> Rows:
        """Write the rows that are not in ``folder`` yet, and return the manifest of all files of the ring.

        The ring does not change. The file is complete and on disk when this method returns.
        """
        ring = self._ring
        make_folder(folder)
        self._saved = list(takewhile(lambda segment: path_exists(folder / segment.name), self._saved))
        start = max(ring.oldest, self._saved[-1].stop if self._saved else 0)
        if start < ring.rows:
            self._saved.append(_write(ring, start, ring.rows, folder))
        self._saved = [segment for segment in self._saved if segment.stop > ring.oldest]
        return [asdict(segment) for segment in self._saved]

    def load(self, folder: Path, manifest: Rows, progress: Progress) -> None:
        """Fill the ring with the rows of a manifest, each in its old slot, and report the progress.

        Raises:
            CheckpointError: A file is missing or damaged, or the files do not fit this ring.
        """
        segments = [Segment(**entry) for entry in manifest]
        _check_kind(segments)
        self._check_coverage(segments)
        steps = [(step, segment) for step in (self._check, self._fill) for segment in segments]
        total, done = sum(segment.rows for _, segment in steps), 0
        for step, segment in steps:
            step(segment, folder)
            done += segment.rows
            progress(done, total)
        self._ring.rows = segments[-1].stop if segments else 0
        self._saved = segments

    def _check(self, segment: Segment, folder: Path) -> None:
        """Verify the checksum before the content is used; the size limit allows for rows that do not compress."""
        path, checksum = folder / segment.name, 0
        try:
            with open_to_read(path, 2 * segment.rows * self._ring.row_bytes + BLOCK_BYTES) as file:
                while content := file.read(BLOCK_BYTES):
                    checksum = crc32(content, checksum)
        except OSError as error:
            raise CheckpointError(
                f"expected rows in {path}, got {error.strerror}: use an earlier checkpoint"
            ) from error
        if checksum != segment.checksum:
            raise CheckpointError(
                f"expected checksum {segment.checksum:08x} of {path}, got {checksum:08x}: "
                "the file is damaged, use an earlier checkpoint"
            )

    def _fill(self, segment: Segment, folder: Path) -> None:
        """Write a segment's rows into their old slots, block by block."""
        ring, row = self._ring, segment.start
        with open_to_read(folder / segment.name) as file:
            while head := file.read(HEAD.size):
                rows, size = HEAD.unpack(head)
                content = decompress(file.read(size), rows * ring.row_bytes)
                ring.write(row, ring.split_fields(bytearray(content)))
                row += rows

    def _check_coverage(self, segments: list[Segment]) -> None:
        bounds = [(segment.start, segment.stop) for segment in segments]
        gaps = [start for (_, stop), (start, _) in pairwise(bounds) if start != stop]
        if gaps or (bounds and bounds[0][0] > max(0, bounds[-1][1] - self._ring.length)):
            raise CheckpointError(
                f"expected the last {self._ring.length} rows without a gap, got rows {bounds}: "
                "resume with the capacity and the number of environments of the run"
            )


def collect_garbage(folder: Path, manifests_in_use: Iterable[Rows]) -> None:
    """Delete the segments in ``folder`` that no manifest names, and the files of interrupted saves."""
    used = {entry["name"] for manifest in manifests_in_use for entry in manifest}
    for path in (*list_folder(folder, "*.rows*"), *list_folder(folder, f"*{PART}")):
        if path.name not in used:
            path.unlink()


def _write(ring: "RingBuffer", start: int, stop: int, folder: Path) -> Segment:
    """Write a temporary file, flush it to disk, and rename it."""
    checksum = 0
    with NewFile(folder / f"{start}-{stop}") as new:
        for row, count in _blocks(ring, start, stop):
            content = _compressed_block(ring.read(row, count), count)
            checksum = crc32(content, checksum)
            new.file.write(content)
        segment = Segment(f"{start:012d}-{stop:012d}-{checksum:08x}{SUFFIX}", start, stop, checksum)
        new.keep(folder / segment.name)
    return segment


def _blocks(ring: "RingBuffer", start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield first row and row count of each block, at most `BLOCK_BYTES` large and never across the ring's end."""
    at_most = max(1, BLOCK_BYTES // ring.row_bytes)
    while start < stop:
        count = min(at_most, stop - start, ring.length - start % ring.length)
        yield start, count
        start += count


def _compressed_block(fields: "Fields", rows: int) -> bytes:
    content = compress(memoryview(b"".join([field.numpy().data.cast("B") for field in fields])))
    return HEAD.pack(rows, len(content)) + content


def _check_kind(segments: list[Segment]) -> None:
    strange = [segment.name for segment in segments if not segment.name.endswith(SUFFIX)]
    if strange:
        raise CheckpointError(
            f"expected rows in files that end in {SUFFIX}, got {strange[0]}: "
            "an earlier release of rlvision wrote it, continue with that release"
        )
