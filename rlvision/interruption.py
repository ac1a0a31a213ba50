"""Ctrl-C and SIGTERM as a word to be asked for, so that a step is finished and its outcome saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Interrupted = Callable[[], str | None]
"""Whether somebody interrupts, in words."""


@contextmanager
def interruption() -> Iterator[Interrupted]:
    """Turn the first Ctrl-C or SIGTERM into a word to be asked for; the second Ctrl-C raises KeyboardInterrupt."""
    words: list[str] = []

    def note(number: int, _: FrameType | None) -> None:
        if words and number == signal.SIGINT:
            raise KeyboardInterrupt
        words.append(f"interrupted by {signal.Signals(number).name}; the same command continues")

    in_main_thread = threading.current_thread() is threading.main_thread()  # signals arrive nowhere else
    numbers = (signal.SIGINT, signal.SIGTERM) if in_main_thread else ()
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: words[0] if words else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
