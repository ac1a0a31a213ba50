"""Packed frames: the bits that were put in, in memory that is used again, and refused where it runs out."""

import numpy as np
import pytest
import torch

from rlvision.core.errors import ConfigError, MemoryBudgetError
from rlvision.replay import compression as frames
from rlvision.replay import compression as log
from rlvision.replay.compression import (
    BYTES_PER_COMPRESSED_FRAME,
    ChunkArena,
    CompressedFrames,
    compress,
    max_compressed_size,
)
from rlvision.replay.frame_store import COMPRESSED_FRACTION, RawFrames, frame_store_bytes, make_frames

CPU = torch.device("cpu")


def noise(seed, count, size=300):
    """Frames that nothing makes smaller."""
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8))


def flat(seed, count, size=300):
    """Frames that become a few bytes."""
    return torch.full((count, size), seed % 256, dtype=torch.uint8)


def test_both_stores_give_back_what_they_were_given(monkeypatch):
    monkeypatch.setattr(log, "CHUNK_BYTES", 1000)
    raw, packed = RawFrames(20, 300, CPU), CompressedFrames(20, 300)
    random = np.random.default_rng(0)
    for turn in range(80):
        count = int(random.integers(1, 6))
        cell = turn if turn < 16 else int(random.integers(0, 20 - count + 1))  # nothing says that they come in order
        content = (noise if random.random() < 0.5 else flat)(turn, 5 if turn < 16 else count)
        for store in (raw, packed):
            store.write(cell, content)
        if turn >= 16:
            cells = torch.from_numpy(random.integers(0, 21, 50))  # the blank one, too
            assert torch.equal(raw.read(cells), packed.read(cells))


def test_what_was_never_written_is_blank():
    assert torch.equal(CompressedFrames(3, 5).read(torch.tensor([0, 3, 3])), torch.zeros(3, 5, dtype=torch.uint8))


def test_what_is_read_is_not_shared():
    store = CompressedFrames(2, 4)
    store.write(0, torch.full((2, 4), 9, dtype=torch.uint8))
    store.read(torch.tensor([0, 0]))[0] = 1
    assert store.read(torch.tensor([0, 1])).unique().tolist() == [9]


def test_going_round_takes_no_more_memory_than_once(monkeypatch):
    monkeypatch.setattr(log, "CHUNK_BYTES", 2000)
    store = CompressedFrames(50, 300)
    for turn in range(20):
        for cell in range(50):
            store.write(cell, (noise if cell % 2 else flat)(turn * 50 + cell, 1))
    log_bytes = store.nbytes - 51 * BYTES_PER_COMPRESSED_FRAME
    assert (
        log_bytes / 2000 <= 25 * max_compressed_size(300) / (2000 - max_compressed_size(300)) + 2
    )  # half of 20 turns' frames are 7.5 kB


def test_a_log_by_hand(monkeypatch):
    monkeypatch.setattr(log, "CHUNK_BYTES", 10)
    room = []
    kept = ChunkArena(4, room.append)
    a, b, c = (kept.append(entry) for entry in (b"aaaa", b"bbbb", b"cccc"))  # cccc does not fit behind bbbb
    assert (a, b, c) == (0, 4, 10)
    assert [bytes(kept.read(place, 4)) for place in (a, b, c)] == [b"aaaa", b"bbbb", b"cccc"]
    assert (room, kept.nbytes) == ([10, 10], 20)
    kept.release(a)
    kept.release(b)  # chunk 0 is free
    assert [kept.append(entry) for entry in (b"dddd", b"eeee")] == [14, 0]
    kept.release(0)  # the open chunk is empty, and goes on being filled
    assert [kept.append(entry) for entry in (b"ffff", b"gg", b"hhhh")] == [4, 8, 20]
    assert [bytes(kept.read(place, 4)) for place in (10, 14, 4)] == [b"cccc", b"dddd", b"ffff"]


def test_what_is_reckoned_is_what_most_games_take():
    assert frame_store_bytes(1000, 7056, "none") == 1001 * 7056
    assert frame_store_bytes(1000, 7056, "lz4") == 1001 * BYTES_PER_COMPRESSED_FRAME + int(
        1000 * 7056 * COMPRESSED_FRACTION
    )


def test_memory_that_runs_out_is_said_before_it_has(monkeypatch):
    monkeypatch.setattr(log, "CHUNK_BYTES", 1000)
    free = iter([frames.RESERVE_BYTES + 1000, frames.RESERVE_BYTES + 999])
    monkeypatch.setattr("rlvision.core.memory.available_bytes", lambda device: next(free))
    store = CompressedFrames(8, 300)
    store.write(0, noise(1, 3))
    with pytest.raises(MemoryBudgetError, match=r"a replay that is filled to 3 of 8 transitions, .*: lower"):
        store.write(3, noise(2, 1))


def test_frames_on_a_gpu_are_not_packed():
    with pytest.raises(ConfigError, match=r"expected replay.compression=none on cuda:1, .* got another"):
        make_frames(4, 10, torch.device("cuda:1"), "lz4")


@pytest.mark.parametrize("size", [0, 1, 255, 7056])
def test_nothing_becomes_longer_than_the_bound(size):
    content = np.random.default_rng(size).bytes(size)
    assert len(compress(content)) <= max_compressed_size(size)
