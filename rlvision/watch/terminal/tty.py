"""Raw mode of a terminal, which is always restored at the end."""

import os
import re
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rlvision.core.errors import ConfigError
from rlvision.core.wording import as_written

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
"""Switch to the alternate screen, without cursor and line wrapping."""
LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
PATIENCE = 0.03
"""Seconds to wait for the rest of an escape sequence; without a rest, it was the escape key."""
NAMES = {" ": "space", "\x1b": "escape", "\x1b[C": "right", "\x1bOC": "right"}
_KEY = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)|.", re.DOTALL)
_CONTROL, _DISABLED = 6, b"\0"


def require_terminal() -> None:
    """Refuse if there is no terminal to draw in.

    Raises:
        ConfigError: input or output is a file or a pipe, or the terminal cannot be drawn on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "expected a terminal to draw in, got a pipe or a file: leave out the redirection (over ssh, use ssh -t), "
            f"or write a video with {as_written('video', 'FILE.mp4')}"
        )
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        raise ConfigError(
            f"expected a terminal with colours, got TERM={os.environ.get('TERM', '')!r}: set TERM to what it is, such "
            f"as xterm-256color, or write a video with {as_written('video', 'FILE.mp4')}"
        )


class Terminal:
    """The input, output and size of a terminal; made by `taken_over`.

    Args:
        source: file descriptor of the keys.
        sink: file descriptor of the screen.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        self.written = 0  # bytes

    @property
    def size(self) -> tuple[int, int]:
        """Current rows and columns."""
        columns, rows = os.get_terminal_size(self._sink)
        return rows, columns

    def write(self, text: str) -> None:
        """Write all of the text, even if the terminal reads slowly."""
        content = memoryview(text.encode())
        self.written += len(content)
        while content:
            content = content[os.write(self._sink, content) :]

    def keys(self, timeout: float) -> list[str]:
        """Return the keys pressed until now, or within ``timeout`` seconds; ``q`` if the terminal was closed."""
        typed = self._read(timeout)
        if typed.endswith(("\x1b", "\x1b[", "\x1bO")):
            typed += self._read(PATIENCE)
        return [NAMES.get(key, key) for key in _KEY.findall(typed)]

    def _read(self, timeout: float) -> str:
        if not select.select([self._source], [], [], max(0.0, timeout))[0]:
            return ""
        return os.read(self._source, 1024).decode(errors="ignore") or "q"


@contextmanager
def taken_over() -> Iterator[Terminal]:
    """Read the terminal key by key without echo, and restore it afterwards.

    Ctrl-C still raises KeyboardInterrupt; SIGTERM and SIGHUP end the program after the terminal is restored.
    """
    source, sink = sys.stdin.fileno(), sys.stdout.fileno()
    terminal, before = Terminal(source, sink), termios.tcgetattr(source)
    with _signals_as_exit():
        try:
            tty.setcbreak(source)
            _disable_suspending(source)
            terminal.write(ENTER)
            yield terminal
        finally:
            termios.tcsetattr(source, termios.TCSAFLUSH, before)
            terminal.write(LEAVE)


def _disable_suspending(source: int) -> None:
    """Disable Ctrl-Z, which would leave the shell on the alternate screen."""
    attributes = termios.tcgetattr(source)
    attributes[_CONTROL][termios.VSUSP] = _DISABLED
    termios.tcsetattr(source, termios.TCSANOW, attributes)


@contextmanager
def _signals_as_exit() -> Iterator[None]:
    """Raise SystemExit on signals that would kill the program."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    in_main_thread = threading.current_thread() is threading.main_thread()  # only this thread receives signals
    numbers = (signal.SIGTERM, signal.SIGHUP) if in_main_thread else ()
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
