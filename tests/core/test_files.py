"""Files opened as themselves, whole or not at all."""

import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlvision.core import files
from rlvision.core.append_log import AppendLog
from rlvision.core.errors import CheckpointError
from rlvision.core.files import (
    NewFile,
    create,
    file_size,
    open_to_append,
    open_to_change,
    open_to_read,
    path_exists,
    read_bytes,
    read_tail,
    read_text,
    warn_on_os_error,
    write_atomically,
)

SECRET = b"somebody else's"
OPENERS = {
    "read": open_to_read,
    "append": open_to_append,
    "change": open_to_change,
    "read whole": lambda path: read_bytes(path, 100),
    "read its end": lambda path: read_tail(path, 100),
    "measure": file_size,
    "truncate": lambda path: AppendLog(path).truncate(1),
}


def plant(path: Path, kind: str) -> Path:
    """Put something at ``path`` that is no regular file, and return a victim outside that it may lead to."""
    victim = path.parent.parent / f"victim of {path.name[:20]}"
    victim.write_bytes(SECRET)
    if kind == "a symbolic link":
        path.symlink_to(victim)
    elif kind == "a link to nowhere":
        victim.unlink()
        path.symlink_to(victim)
    elif kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(os.path.relpath(path))  # whose length is bounded
    else:
        path.mkdir()
    return victim


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """A pipe that is waited for fails the test."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.parametrize("kind", ["a symbolic link", "a link to nowhere", "a named pipe", "a socket", "a folder"])
@pytest.mark.parametrize("opener", OPENERS)
def test_only_a_regular_file_is_opened_and_no_pipe_is_waited_for(folder: Path, opener: str, kind: str) -> None:
    victim = plant(folder / "x", kind)
    with pytest.raises(CheckpointError) as refused:
        OPENERS[opener](folder / "x")
    said = kind.replace("a link to nowhere", "a symbolic link")
    assert f"expected a regular file at {folder / 'x'}, got {said}: put the file itself there" in str(refused.value)
    assert kind == "a link to nowhere" or victim.read_bytes() == SECRET
    assert victim.exists() != (kind == "a link to nowhere")


def test_a_device_is_refused_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(CheckpointError, match="got a device"):
        open_to_read(Path("/dev/zero"))


@pytest.mark.parametrize("kind", ["a symbolic link", "a named pipe"])
def test_what_is_put_there_after_the_look_is_refused_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Between `lstat` and `open`, another process may be at work."""
    victim = plant(folder / "x", kind)
    regular = victim.lstat()
    monkeypatch.setattr(Path, "lstat", lambda path: regular)
    refusals = r"got a named pipe|symbolic links|No such device"  # the last of a pipe that nobody reads
    for opener in (open_to_read, open_to_append, open_to_change):
        with pytest.raises((CheckpointError, OSError), match=refusals):
            opener(folder / "x")
    assert victim.read_bytes() == SECRET


def test_where_the_system_cannot_refuse_links_they_are_seen_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SAFE_FLAGS", 0)  # as on Windows
    victim = plant(folder / "x", "a symbolic link")
    for opener in OPENERS.values():
        with pytest.raises(CheckpointError, match="got a symbolic link"):
            opener(folder / "x")
    assert victim.read_bytes() == SECRET


def test_links_on_the_way_to_the_folder_are_the_users_own(folder: Path) -> None:
    write_atomically(folder / "x", b"content")
    (folder.parent / "link").symlink_to(folder)
    assert read_bytes(folder.parent / "link" / "x", 7) == b"content"


def test_a_file_is_read_up_to_a_limit(folder: Path) -> None:
    path = folder / "x"
    path.write_bytes(b"12345678")
    assert read_bytes(path, 8) == b"12345678"
    with pytest.raises(
        CheckpointError, match=r"expected at most 7 bytes in .*x, got 8: rlvision did not write this file"
    ):
        read_bytes(path, 7)
    with pytest.raises(CheckpointError, match="at most 7 bytes"):
        open_to_read(path, 7)
    assert [read_tail(path, size) for size in (0, 3, 8, 99)] == [b"", b"678", b"12345678", b"12345678"]


def test_a_huge_file_costs_no_memory(folder: Path) -> None:
    with (folder / "x").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(CheckpointError, match="got 4,398,046,511,104"):
        read_bytes(folder / "x", 2**34)
    assert read_tail(folder / "x", 4) == b"\0" * 4


def test_text_is_utf_8_with_any_line_end(folder: Path) -> None:
    (folder / "x").write_bytes("ü\r\nä\n".encode())
    assert read_text(folder / "x", 10) == "ü\nä\n"
    (folder / "x").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(folder / "x", 10)


def test_a_missing_file_is_the_systems_own_error_or_has_no_bytes(folder: Path) -> None:
    for opener in (open_to_read, open_to_change, lambda path: read_bytes(path, 1)):
        with pytest.raises(FileNotFoundError):
            opener(folder / "x")
    assert file_size(folder / "x") == 0
    assert not path_exists(folder / "x")
    assert not path_exists(folder / ("x" * 999))
    assert not path_exists(folder / "a\0b")


def test_appending_goes_to_the_end_of_what_is_there(folder: Path) -> None:
    for entry in (b"one", b"two"):
        with open_to_append(folder / "x") as file:
            file.write(entry)
    assert (folder / "x").read_bytes() == b"onetwo"


# Writing


@pytest.mark.parametrize("kind", ["a symbolic link", "a link to nowhere", "a named pipe", "a socket"])
@pytest.mark.parametrize("by", ["its temporary name", "its own name"])
def test_a_new_file_takes_the_place_of_what_is_there(folder: Path, kind: str, by: str) -> None:
    victim = plant(folder / "x", kind)
    before = victim.exists()
    if by == "its own name":
        with create(folder / "x") as file:
            file.write(b"content")
    else:
        write_atomically(folder / "x", b"content")
    assert stat.S_ISREG((folder / "x").lstat().st_mode)
    assert (folder / "x").read_bytes() == b"content"
    assert victim.exists() == before
    assert not before or victim.read_bytes() == SECRET
    assert [path.name for path in folder.iterdir()] == ["x"]


def test_temporary_names_cannot_be_guessed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / ("é" * 120)  # of 240 bytes, of 255 that a name may have
    for name in (f".{path.name}.part", f".{path.name[:40]}.part", f".{path.name}.tmp"):
        plant(folder / name, "a symbolic link")
    seen = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda part, path: seen.append(part.name) or replace(part, path))
    for _ in range(100):
        write_atomically(path, b"content")
    assert len({*seen}) == 100
    assert all(len(name.removesuffix(".part").rpartition(".")[2]) == 16 for name in seen)
    assert {victim.read_bytes() for victim in folder.parent.glob("victim*")} == {SECRET}


@pytest.mark.parametrize("kind", ["a symbolic link", "a file"])
def test_a_temporary_name_that_is_taken_is_not_written_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(files, "token_hex", lambda size: "0" * 2 * size)
    taken = folder / f".x.{'0' * 16}.part"
    victim = plant(taken, "a symbolic link")
    if kind == "a file":
        taken.unlink()
        victim = victim.rename(taken)
    with pytest.raises((CheckpointError, FileExistsError)):
        write_atomically(folder / "x", b"content")
    assert victim.read_bytes() == SECRET
    assert not (folder / "x").exists()


def test_a_reader_sees_the_old_content_or_the_new(folder: Path) -> None:
    path, seen, over = folder / "x", set(), threading.Event()
    write_atomically(path, b"a" * 50_000)

    def read() -> None:
        while not over.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for letter in b"bcbcbcbcbc":
        write_atomically(path, bytes([letter]) * 50_000)
    over.set()
    reader.join()
    assert seen <= {letter * 50_000 for letter in (b"a", b"b", b"c")}


def test_content_is_on_the_disk_before_its_name_is_and_the_name_before_it_returns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        calls.append("folder" if is_folder else os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", lambda part, path: calls.append("rename") or replace(part, path))
    write_atomically(folder / "x", b"content")
    assert calls == [7, "rename", "folder"]


def test_what_is_not_kept_goes_again(folder: Path) -> None:
    write_atomically(folder / "x", b"before")
    (folder / "y").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(folder / "y", b"after")
    (folder / "y").rmdir()
    with NewFile(folder / "x") as new:
        new.file.write(b"after")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"x": b"before"}


def test_a_file_that_takes_its_name_from_its_content(folder: Path) -> None:
    with NewFile(folder / "rows") as new:
        new.file.write(b"abc")
        new.path.write_bytes(b"abcd")  # by a library that opens it by its name
        new.keep(folder / "four")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"four": b"abcd"}


def test_a_new_file_may_be_read_by_whom_the_user_lets(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(folder / "x", b"")
        create(folder / "y").close()
    finally:
        os.umask(before)
    assert [stat.S_IMODE((folder / name).stat().st_mode) for name in "xy"] == [0o640, 0o640]


def test_a_disk_that_fails_is_a_warning_and_nothing_else_is(caplog: pytest.LogCaptureFixture) -> None:
    with warn_on_os_error("the curve"):
        raise OSError(28, "No space left on device")
    assert "expected to write the curve, got No space left on device: training continues without it" in caplog.text
    with pytest.raises(ValueError, match="other"), warn_on_os_error("the curve"):
        raise ValueError("other")


# Logs


def test_a_log_goes_on_where_it_was_cut(folder: Path) -> None:
    log = AppendLog(folder / "deeper" / "log")
    for entry in (b"one\n", b"two\n", b"three\n"):
        log.append(entry)
    assert log.sync() == log.size == 14
    log.close()
    again = AppendLog(log.path)
    again.truncate(8)
    again.append(b"four\n")
    assert (again.sync(), log.path.read_bytes()) == (13, b"one\ntwo\nfour\n")
    again.close()


def test_a_new_log_replaces_a_link_and_an_old_one_refuses_it(folder: Path) -> None:
    victim = plant(folder / "log", "a symbolic link")
    with pytest.raises(CheckpointError, match="got a symbolic link"):
        AppendLog(folder / "log").truncate(len(SECRET))
    log = AppendLog(folder / "log")
    log.append(b"entry\n")
    assert log.path.read_bytes() == b"entry\n"
    assert victim.read_bytes() == SECRET
    log.close()
    log.path.unlink()
    log.path.symlink_to(victim)
    with pytest.raises(CheckpointError, match="got a symbolic link"):
        log.append(b"another\n")
    assert victim.read_bytes() == SECRET


def test_a_log_that_was_refused_is_as_it_was(folder: Path) -> None:
    log = AppendLog(folder / "log")
    log.append(b"one\n")
    with pytest.raises(CheckpointError, match=r"at least the 9 bytes in .* that the checkpoint counted, got 4"):
        log.truncate(9)
    log.append(b"two\n")
    assert (log.sync(), log.path.read_bytes()) == (8, b"one\ntwo\n")
    log.close()
