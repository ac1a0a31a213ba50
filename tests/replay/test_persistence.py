"""Rows on disk: incremental, checked, bit for bit, and never in the way of training."""

import os
import struct

import pytest
import torch

from rlvision.core.errors import CheckpointError
from rlvision.replay import persistence
from rlvision.replay.persistence import collect_garbage
from rlvision.replay.storage import RingBuffer

ROWS = 20  # T


class Session:
    """A run in little: games, a replay, and an update for every batch."""

    def __init__(self, make_replay, history, frame_size, *, rows=ROWS, **changes):
        self.history = history
        self.batches = []
        usual = {"prioritised": True, "learning_starts": 6, "n_step": 2, "gamma": 0.5, "beta": 0.4}
        self.replay = make_replay(
            capacity=2 * rows,
            num_envs=2,
            frame_shape=(1, *frame_size),
            stack=3,
            batch_size=4,
            samples_per_env_step=3,
            alpha=0.6,
            priority_epsilon=0.01,
            **usual | changes,
        )

    def play(self, rows):
        for _ in range(rows):
            row = self.history.row
            self.replay.add(self.history.step([(row * 37 + 91 * e) % 235 for e in range(2)]))
            for batch in self.replay.batches():
                self.batches.append(batch)
                self.replay.update_priorities(batch.index, batch.transition.reward.abs())
        return self


@pytest.fixture
def session_of(make_replay, make_history, frame_size):
    """A new session; its replay by other settings where they are named."""
    return lambda **changes: Session(make_replay, make_history(2, 1, 3), frame_size, **changes)


@pytest.fixture
def resumed(session_of):
    """A new process at the same place in the same games as another session."""

    def go_on(session, folder, manifest, **changes):
        fresh = session_of(**changes)
        fresh.replay.load_rows(folder, manifest)
        fresh.replay.load_state_dict(session.replay.state_dict())
        fresh.history = session.history
        return fresh

    return go_on


def bits(batches):
    """All that batches hold, as plain values."""
    fields = ("observation", "action", "reward", "discount", "next_observation")
    return [
        [batch.index.tolist(), batch.importance_weight.tolist()]
        + [getattr(batch.transition, field).tolist() for field in fields]
        for batch in batches
    ]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def ranges(manifest):
    return [(entry["start"], entry["stop"]) for entry in manifest]


def test_each_save_writes_one_file_of_the_new_rows(session_of, tmp_path):
    session = session_of().play(7)
    assert ranges(session.replay.save_rows(tmp_path)) == [(0, 7)]
    before = names(tmp_path)
    manifest = session.play(5).replay.save_rows(tmp_path)
    assert ranges(manifest) == [(0, 7), (7, 12)]
    (new,) = set(names(tmp_path)) - set(before)
    rows, size = struct.unpack("<II", (tmp_path / new).read_bytes()[:8])
    assert rows == 5
    assert (tmp_path / new).stat().st_size == 8 + size
    assert session.replay.save_rows(tmp_path) == manifest
    assert names(tmp_path) == sorted(entry["name"] for entry in manifest)


def test_after_loading_too_only_new_rows_are_written(session_of, resumed, tmp_path):
    session = session_of().play(7)
    second = resumed(session, tmp_path, session.replay.save_rows(tmp_path))
    assert ranges(second.play(5).replay.save_rows(tmp_path)) == [(0, 7), (7, 12)]


def test_loading_says_how_far_it_is(session_of, tmp_path):
    session, told = session_of().play(7), []
    session.replay.save_rows(tmp_path)
    manifest = session.play(5).replay.save_rows(tmp_path)
    session_of().replay.load_rows(tmp_path, manifest, lambda done, total: told.append((done, total)))
    assert told == [(7, 24), (12, 24), (19, 24), (24, 24)]


def test_a_file_that_no_checkpoint_came_to_name_is_written_again_and_no_other(session_of, resumed, tmp_path):
    """As where the disk was full when the checkpoint followed its rows: the garbage collector took them."""
    session = session_of().play(7)
    first = session.replay.save_rows(tmp_path)
    session.play(3).replay.save_rows(tmp_path)
    collect_garbage(tmp_path, [first])
    manifest = session.play(2).replay.save_rows(tmp_path)
    assert ranges(manifest) == [(0, 7), (7, 12)]
    assert manifest[0] == first[0]
    resumed(session, tmp_path, manifest)


def test_files_of_overwritten_rows_leave_the_manifest_and_then_the_disk(session_of, tmp_path):
    session = session_of().play(7)
    old = session.replay.save_rows(tmp_path)
    between = session.play(10).replay.save_rows(tmp_path)
    assert ranges(between) == [(0, 7), (7, 17)]
    manifest = session.play(10).replay.save_rows(tmp_path)  # rows 7 … 26 are here
    assert ranges(manifest) == [(7, 17), (17, 27)]
    (tmp_path / "17-27.part").write_bytes(b"what an interrupted save left")
    (tmp_path / "notes.txt").write_text("not ours")
    collect_garbage(tmp_path, [between, manifest])
    assert names(tmp_path) == sorted({e["name"] for e in between + manifest} | {"notes.txt"})
    collect_garbage(tmp_path, [manifest])
    assert old[0]["name"] not in names(tmp_path)
    assert len(names(tmp_path)) == 3


def test_rows_that_no_save_saw_are_not_missed(session_of, tmp_path):
    session = session_of().play(7)
    session.replay.save_rows(tmp_path)
    manifest = session.play(60).replay.save_rows(tmp_path)
    assert ranges(manifest) == [(47, 67)]


@pytest.mark.parametrize("prioritised", [False, True])
@pytest.mark.parametrize("rows", [3, 20, 33, 67])
@pytest.mark.parametrize("block", [1, 100, 2**24])
def test_a_resumed_run_equals_the_undisturbed_one(session_of, resumed, tmp_path, monkeypatch, prioritised, rows, block):
    monkeypatch.setattr(persistence, "BLOCK_BYTES", block)
    undisturbed = session_of(prioritised=prioritised).play(rows + 45)

    session = session_of(prioritised=prioritised).play(rows // 2)
    session.replay.save_rows(tmp_path)  # saving changes nothing
    session.play(rows - rows // 2)
    manifest = session.replay.save_rows(tmp_path)
    second = resumed(session, tmp_path, manifest, prioritised=prioritised)
    second.play(20)
    again = second.replay.save_rows(tmp_path)
    last = resumed(second, tmp_path, again, prioritised=prioritised)
    last.play(25)

    assert len(undisturbed.batches) > 30
    assert bits(session.batches + second.batches + last.batches) == bits(undisturbed.batches)


@pytest.mark.parametrize(("one", "other"), [("lz4", "lz4"), ("none", "lz4"), ("lz4", "none")])
def test_packed_or_not_a_run_goes_on_with_the_same_batches(session_of, resumed, tmp_path, one, other):
    undisturbed = session_of().play(78)
    session = session_of(compression=one).play(33)
    second = resumed(session, tmp_path, session.replay.save_rows(tmp_path), compression=other)
    second.play(45)
    assert bits(session.batches + second.batches) == bits(undisturbed.batches)


def test_the_same_rows_make_the_same_file_packed_or_not(session_of, tmp_path):
    for compression in ("none", "lz4"):
        session_of(compression=compression).play(30).replay.save_rows(tmp_path / compression)
    (one,), (other,) = (list((tmp_path / compression).iterdir()) for compression in ("none", "lz4"))
    assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())


def test_frames_that_are_alike_take_little_of_the_disk(session_of, tmp_path):
    replay = session_of(rows=1000).play(1000).replay  # all rows are zeros but for counters
    replay.save_rows(tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 1000 * 2 * (2 + 8 + 4 + 3) / 2


def test_files_of_an_earlier_release_are_refused(session_of, resumed, tmp_path):
    session = session_of().play(7)
    (entry,) = session.replay.save_rows(tmp_path)
    with pytest.raises(CheckpointError, match="an earlier release of rlvision wrote it"):
        resumed(session, tmp_path, [{**entry, "name": "000000000000-000000000007-00c0ffee.rows"}])


def test_loading_holds_one_block_at_a_time(session_of, resumed, tmp_path, monkeypatch):
    monkeypatch.setattr(persistence, "BLOCK_BYTES", 100)  # of two rows
    session = session_of().play(20)
    manifest = session.replay.save_rows(tmp_path)
    blocks, put = [], RingBuffer.write

    def noted(ring, row, fields):
        blocks.append((row, len(fields[0])))
        put(ring, row, fields)

    monkeypatch.setattr(RingBuffer, "write", noted)
    resumed(session, tmp_path, manifest)
    assert blocks == [(row, 2 * 2) for row in range(0, 20, 2)]


def test_without_its_rows_a_replay_starts_empty_and_gathers_before_it_learns(session_of, resumed, tmp_path):
    session = session_of().play(30)
    fresh = resumed(session, tmp_path, [])
    assert fresh.replay.size == 0
    counts = []
    for _ in range(6):
        before = len(fresh.batches)
        counts.append(len(fresh.play(1).batches) - before)
    assert counts == [0, 0, 0, 1, 2, 1]  # 6 env steps first, then 2 * 3 / 4 batches a row


def test_a_changed_horizon_travels_with_the_state(session_of, resumed, tmp_path):
    session = session_of().play(12)
    session.replay.set_horizon(4, 0.25)
    fresh = resumed(session, tmp_path, session.replay.save_rows(tmp_path))
    assert (fresh.replay.n_step, fresh.replay.gamma) == (4, 0.25)
    assert fresh.replay.size == session.replay.size


def test_a_state_is_a_snapshot(session_of):
    session = session_of().play(30)
    state = session.replay.state_dict()
    mass, largest = state["sampler"]["mass"].clone(), state["sampler"]["largest"].clone()
    session.replay.update_priorities(session.batches[-1].index, torch.full((4,), 1e3))
    assert torch.equal(state["sampler"]["mass"], mass)
    assert torch.equal(state["sampler"]["largest"], largest)


def damage_content(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_content, r"expected checksum \w{8} .* got \w{8}: the file is damaged"),
        (cut_short, r"expected checksum \w{8} .* got \w{8}: the file is damaged"),
        (lambda path: os.truncate(path, 2**28), r"expected at most [\d,]+ bytes in .*, got 268,435,456"),
        (
            lambda path: path.symlink_to(path.rename(path.with_name("it"))),
            "expected a regular file at .* symbolic link",
        ),
        (lambda path: path.unlink(), r"expected rows in .*, got No such file or directory: use an earlier checkpoint"),
    ],
)
def test_damage_is_found(session_of, tmp_path, damage, message):
    session = session_of().play(7)
    manifest = session.replay.save_rows(tmp_path)
    session.play(5).replay.save_rows(tmp_path)
    damage(tmp_path / manifest[0]["name"])
    fresh = session_of()
    with pytest.raises(CheckpointError, match=message):
        fresh.replay.load_rows(tmp_path, manifest)
    assert fresh.replay.size == 0


def test_in_another_folder_everything_is_written_again(session_of, tmp_path):
    session = session_of().play(7)
    session.replay.save_rows(tmp_path / "one")
    assert ranges(session.play(5).replay.save_rows(tmp_path / "two")) == [(0, 12)]


def test_rows_of_another_replay_are_refused(session_of, resumed, tmp_path):
    session = session_of().play(30)
    manifest = session.replay.save_rows(tmp_path)
    with pytest.raises(CheckpointError, match="expected the last 25 rows without a gap"):
        resumed(session, tmp_path, manifest, rows=25)
    session.play(5).replay.save_rows(tmp_path)
    with pytest.raises(CheckpointError, match="without a gap"):
        resumed(session, tmp_path, [manifest[0], {**manifest[0], "start": 31}])


def test_states_of_another_replay_are_refused(session_of, resumed, tmp_path):
    session = session_of().play(10)
    manifest = session.replay.save_rows(tmp_path)
    with pytest.raises(CheckpointError, match="resume with the settings of the run"):
        resumed(session, tmp_path, manifest, prioritised=False)
    session.play(1)
    with pytest.raises(CheckpointError, match="a replay of 10 rows, got one of 11"):
        resumed(session, tmp_path, manifest)
