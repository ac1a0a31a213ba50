"""One process at a time in a folder, on every system."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rlvision.core import locks as module
from rlvision.core.errors import CheckpointError
from rlvision.core.locks import folder_lock

HOLD = """
import sys
from pathlib import Path
from rlvision.core.locks import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_one_processs_until_that_leaves_or_dies(tmp_path: Path) -> None:
    for end in ("leave", "kill"):
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == b"held\n"
            named = rf"got process {other.pid} on .*: let it end"
            with pytest.raises(CheckpointError, match=named), folder_lock(tmp_path):
                pytest.fail("two at once")
            other.kill() if end == "kill" else other.stdin.close()
            other.wait()
        with folder_lock(tmp_path):
            assert f"process {os.getpid()} on" in (tmp_path / ".owner").read_text()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "large"])
def test_whoever_may_be_named_as_the_owner_is_not_read_from_elsewhere(tmp_path: Path, kind: str) -> None:
    victim, owner, run = tmp_path / "victim", tmp_path / "run" / ".owner", tmp_path / "run"
    victim.write_text("secret")
    run.mkdir()
    with folder_lock(run):
        owner.unlink()
        {
            "link": lambda: owner.symlink_to(victim),
            "pipe": lambda: os.mkfifo(owner),
            "folder": owner.mkdir,
            "large": lambda: owner.write_text("secret" * 10**6),
        }[kind]()
        with (
            pytest.raises(CheckpointError, match=r"expected no other process in .*, got another process: let it end"),
            folder_lock(run),
        ):
            pytest.fail("two at once")
    assert victim.read_text() == "secret"
    with folder_lock(run):
        pass
    assert victim.read_text() == "secret"


def test_the_owner_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("secret")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".owner").symlink_to(tmp_path / "victim")
    with folder_lock(tmp_path / "run"):
        assert (tmp_path / "run" / ".owner").read_text().startswith("process")
    assert (tmp_path / "victim").read_text() == "secret"


def test_a_file_system_without_locks_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module, "_try_lock", fail)
    with caplog.at_level(logging.WARNING), folder_lock(tmp_path):
        pass
    assert "got [Errno 95] Operation not supported: make sure that no second process trains there" in caplog.text


def test_without_fcntl_a_file_in_the_folder_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: set[int] = set()

    def locking(descriptor: int, mode: int, size: int) -> None:
        inode = os.fstat(descriptor).st_ino
        if inode in held:
            raise PermissionError(13, "Permission denied")
        held.add(inode)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    with folder_lock(tmp_path):
        assert {(tmp_path / ".lock").stat().st_ino} == held
        with pytest.raises(CheckpointError, match=f"got process {os.getpid()} on"), folder_lock(tmp_path):
            pytest.fail("two at once")


def test_files_are_imported_without_what_only_unix_has() -> None:
    block = "import sys; sys.modules.update(dict.fromkeys(['fcntl', 'resource', 'termios', 'pwd', 'grp']))\n"
    modules = "import rlvision.core.files, rlvision.core.folders, rlvision.core.append_log, rlvision.core.locks"
    subprocess.run([sys.executable, "-c", block + modules], check=True)
