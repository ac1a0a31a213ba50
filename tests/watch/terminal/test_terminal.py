"""The terminal view, in a real pseudo-terminal, by a real process."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rlvision.core.errors import ConfigError
from rlvision.watch.terminal.tty import Terminal, require_terminal
from tests.watch.terminal.conftest import Emulator

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


class Session:
    """A process in a terminal of its own."""

    def __init__(self, what: str, fps: float, rows: int = 24, columns: int = 90) -> None:
        self.screen = Emulator(rows, columns)
        self.master, self._slave = pty.openpty()
        self._resize(rows, columns)
        self.before = termios.tcgetattr(self._slave)
        self.output = ""
        self._pending = b""
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "own" / "terminal_child.py"), what, str(fps)],
            stdin=self._slave,
            stdout=self._slave,
            stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        """The terminal changes, and forgets what it showed."""
        self._resize(rows, columns)
        self.screen.resize(rows, columns)

    def read(self, seconds: float = 0.05) -> str:
        """What has been written since."""
        text = ""
        if select.select([self.master], [], [], seconds)[0]:
            self._pending += os.read(self.master, 65536)
            whole = re.match(rb"(?s).*(?:\x1b\[\?2026l|\x1b\[\?1049[hl]|\n)", self._pending)  # up to a whole frame
            if whole:
                text, self._pending = whole[0].decode(), self._pending[whole.end() :]
        self.output += text
        return text

    def until(self, condition: Callable[[], object]) -> None:
        """Feed the screen until it shows something."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "\n".join(self.screen.lines())
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read().decode()
            self.screen.feed(self.read())

    def decision(self) -> int:
        """The decision that the panel tells."""
        found = re.search(r"decision ([\d,]+)", self.screen.lines()[0])
        return int(found[1].replace(",", "")) if found else 0

    def settled(self) -> int:
        """The decision once nothing more is written, for the time of nine frames at 30 a second."""
        while text := self.read(0.3):
            self.screen.feed(text)
        return self.decision()

    def end(self) -> int:
        """Wait for the process to leave; its exit status."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end
            self.read()
        self.read(0.2)
        self.output += self._pending.decode()
        return self.process.returncode

    def is_restored(self) -> bool:
        """Whether the terminal is as it was: its settings, its cursor, its screen."""
        shown = self.output[self.output.rindex("\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l") :]
        return termios.tcgetattr(self._slave) == self.before and "?1049h" not in shown

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        os.close(self.master)
        os.close(self._slave)

    def _resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


Opener = Callable[..., Session]


@pytest.fixture
def session() -> Iterator[Opener]:
    opened: list[Session] = []

    def open_one(what: str, fps: float) -> Session:
        opened.append(Session(what, fps))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_games_are_shown_to_their_end_and_the_terminal_is_given_back(session: Opener) -> None:
    watched = session("short", 20)
    watched.until(lambda: "?1049h" in watched.output)
    assert {1049} <= watched.screen.modes
    assert 25 not in watched.screen.modes  # no cursor
    assert watched.end() == 0
    assert "games [(4, True), (4, True)]" in watched.output.splitlines()[-1]
    assert watched.is_restored()


def test_the_keys(session: Opener) -> None:
    watched = session("endless", 30)
    watched.until(lambda: watched.decision() > 3)
    assert not termios.tcgetattr(watched._slave)[3] & (termios.ECHO | termios.ICANON)
    watched.type(" ")
    watched.until(lambda: "paused" in watched.screen.lines()[-1])
    stopped = watched.settled()
    for count, key in enumerate(("s", "\x1b[C"), 1):
        watched.type(key)
        watched.until(lambda count=count: watched.decision() == stopped + count)
        assert watched.settled() == stopped + count
    assert watched.read(0.4) == ""  # a still picture sends nothing
    watched.resize(20, 100)
    watched.until(lambda: watched.decision() == stopped + 2)
    assert "paused" in watched.screen.lines()[-1]
    watched.type("o")
    watched.until(lambda: watched.screen.lines()[-1].startswith("score"))
    watched.type("o+ ")
    watched.until(lambda: watched.decision() > stopped + 4)
    assert watched.screen.lines()[-1].rstrip().endswith("x2")
    watched.type("n")
    watched.until(lambda: "game 2" in watched.screen.lines()[0])
    watched.type("q")
    assert watched.end() == 0
    assert "games []" in watched.output
    assert watched.is_restored()


@pytest.mark.parametrize(
    ("how", "status"),
    [("ctrl-c", 130), ("terminate", 128 + signal.SIGTERM), ("error", 1)],
)
def test_the_terminal_is_given_back_however_it_ends(session: Opener, how: str, status: int) -> None:
    watched = session("broken" if how == "error" else "endless", 20)
    watched.until(lambda: "?1049h" in watched.output)
    if how == "ctrl-c":
        watched.type("\x03")
    elif how == "terminate":
        watched.process.terminate()
    assert watched.end() in (status, -signal.SIGINT if how == "ctrl-c" else status)
    assert watched.is_restored()


def test_keys_arrive_whole_and_a_terminal_that_has_gone_means_quit() -> None:
    source, far = os.pipe()
    terminal = Terminal(source, 1)
    assert terminal.keys(0.0) == []
    os.write(far, b" s\x1b[C\x1bOC+\x1b[A\x1b[1;5C\x1b")
    assert terminal.keys(1.0) == ["space", "s", "right", "right", "+", "\x1b[A", "\x1b[1;5C", "escape"]
    os.close(far)
    assert terminal.keys(1.0) == ["q"]
    os.close(source)


def test_without_a_terminal_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"a pipe or a file: .*video=.FILE.mp4"):
        require_terminal()
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(ConfigError, match="got TERM='dumb': set TERM"):
        require_terminal()
