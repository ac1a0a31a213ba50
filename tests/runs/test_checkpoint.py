"""Checkpoints survive what they are meant to survive."""

import hashlib
import io
import os
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlvision.core.errors import CheckpointError
from rlvision.core.files import write_atomically
from rlvision.runs.checkpoint import CheckpointFolder, read_state, write_state

STATE = {"weights": torch.arange(5.0), "nested": {"count": 3, "names": ["a", "b"]}, "none": None}


def test_round_trip(tmp_path):
    write_state(tmp_path / "x.ckpt", STATE)
    state = read_state(tmp_path / "x.ckpt")
    assert torch.equal(state["weights"], STATE["weights"])
    assert state["nested"] == STATE["nested"]
    assert state["none"] is None


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "foreign"])
def test_damage_is_seen(tmp_path, damage):
    path = tmp_path / "x.ckpt"
    write_state(path, STATE)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    damaged = {"flip": bytes(content), "truncate": bytes(content[:-7]), "empty": b"", "foreign": b"PK" + bytes(500)}
    path.write_bytes(damaged[damage])
    with pytest.raises(CheckpointError, match="undamaged"):
        read_state(path)


def test_a_checkpoint_is_never_unpickled(tmp_path):
    class Malicious:
        def __reduce__(self):
            return (exec, ("raise SystemExit('executed')",))

    path = tmp_path / "x.ckpt"
    write_state(path, {"weights": Malicious()})
    with pytest.raises(CheckpointError, match="would run code"):
        read_state(path)


def made_to_fit(payload):
    """A file whose checksum is right, whatever it holds."""
    return b"rlvision-checkpoint\n" + hashlib.blake2b(payload, digest_size=32).digest() + payload


def archive_of(pickled):
    """What torch.save would write, around another pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3")
        archive.writestr("archive/byteorder", "little")
    return file.getvalue()


RUNS_CODE = b"cos\nsystem\n(S'touch executed'\ntR."


@pytest.mark.parametrize(
    "payload",
    [
        RUNS_CODE,
        archive_of(RUNS_CODE),
        archive_of(b'cbuiltins\neval\n(S\'open("executed", "w")\'\ntR.'),
        archive_of(b"(lp0\n."),  # a list
        archive_of(b"\x80\x02}q\x00."),  # a dict without a version
        archive_of(b"."),
        b"PK" + bytes(500),
        b"",
        bytes(range(256)),
    ],
)
def test_a_file_made_to_fit_is_refused_and_runs_nothing(tmp_path, monkeypatch, payload):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.ckpt").write_bytes(made_to_fit(payload))
    with pytest.raises(CheckpointError, match=r"expected .*, got .*: (do not trust it|use the release)"):
        read_state(tmp_path / "x.ckpt")
    assert not (tmp_path / "executed").exists()


@given(st.binary(max_size=300) | st.binary(max_size=100).map(archive_of))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_made_to_fit_is_refused(tmp_path, payload):
    (tmp_path / "x.ckpt").write_bytes(made_to_fit(payload))
    with pytest.raises(CheckpointError):
        read_state(tmp_path / "x.ckpt")


def test_missing_and_other_version(tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="No such file"):
        read_state(tmp_path / "none.ckpt")
    monkeypatch.setattr("rlvision.runs.checkpoint.VERSION", 0)
    write_state(tmp_path / "old.ckpt", STATE)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="version 0"):
        read_state(tmp_path / "old.ckpt")


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write_atomically(path, b"before")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"


def test_folder_keeps_the_newest_and_the_best(tmp_path):
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=2)
    assert folder.load_newest() is None
    for env_steps in (5, 40, 300):
        folder.save(env_steps, {"env_steps": env_steps})
    folder.save_best({"env_steps": 40})
    assert [path.stem.lstrip("0") for path in folder.paths()] == ["40", "300"]
    assert folder.load_newest()["env_steps"] == 300
    assert read_state(folder.best_path)["env_steps"] == 40


def test_folder_drops_a_future_given_up_and_what_a_kill_left_half_way(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    for env_steps in (1, 2, 5, 6):
        CheckpointFolder(tmp_path, keep=9).save(env_steps, {"env_steps": env_steps})
    (tmp_path / ".000000000007.ckpt.part").write_bytes(b"half")
    folder.save(3, {"env_steps": 3})  # a run that went on from 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000000002.ckpt", "000000000003.ckpt"]


def test_folder_knows_the_replay_of_each_checkpoint(tmp_path):
    CheckpointFolder(tmp_path, keep=2).save(1, {"replay": [{"name": "a"}]})
    folder = CheckpointFolder(tmp_path, keep=2)
    folder.save(2, {"replay": None})
    assert folder.replays() == [[{"name": "a"}], None]
    folder.paths()[0].write_bytes(b"torn")
    assert folder.replays() == [[{"name": "a"}], None]  # not read again
    with pytest.raises(CheckpointError, match="undamaged"):
        CheckpointFolder(tmp_path, keep=2).replays()


def test_a_checkpoint_whose_other_files_are_damaged_counts_as_damaged(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    for env_steps in (1, 2):
        folder.save(env_steps, {"env_steps": env_steps})

    def load_extra(state):
        if state["env_steps"] == 2:
            raise CheckpointError("rows are missing")

    assert folder.load_newest(load_extra)["env_steps"] == 1


def test_folder_falls_back_to_the_one_before_and_says_so(tmp_path, caplog):
    folder = CheckpointFolder(tmp_path, keep=3)
    for env_steps in (1, 2):
        folder.save(env_steps, {"env_steps": env_steps})
    folder.paths()[-1].write_bytes(b"torn")
    assert folder.load_newest()["env_steps"] == 1
    assert "undamaged" in caplog.text
    folder.paths()[0].write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="2 damaged"):
        folder.load_newest()


def test_checkpoints_after_the_one_that_goes_on_are_never_come_back_to(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=3)
    for env_steps in (40, 80, 120):
        folder.save(env_steps, {"env_steps": env_steps})
    damaged = tmp_path / "000000000120.ckpt"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1])
    state = folder.load_newest()
    assert state["env_steps"] == 80
    folder.quarantine_newer(state["env_steps"])
    (tmp_path / "000000000120.ckpt.damaged").write_bytes(content)  # it can be read again, and is not
    assert folder.load_newest()["env_steps"] == 80
    assert [path.stem for path in folder.paths()] == ["000000000040", "000000000080"]


def test_a_link_or_a_file_larger_than_any_checkpoint_counts_as_damaged(tmp_path, caplog):
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=9)
    for env_steps in (1, 2, 3):
        folder.save(env_steps, {"env_steps": env_steps})
    _, second, third = folder.paths()
    os.truncate(third, 2**40)
    second.symlink_to(second.rename(tmp_path / "elsewhere"))
    assert folder.load_newest()["env_steps"] == 1
    assert "got 1,099,511,627,776: rlvision did not write this file" in caplog.text
    assert "000000000002.ckpt, got a symbolic link" in caplog.text
