"""Ctrl-C and SIGTERM as a word to be asked for, so that a step is finished and its outcome saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

StopReason = Callable[[], str | None]
"""Whether somebody interrupts, in words."""

INTERRUPTED = "interrupted by"
"""How these words begin."""


class ExitNow(KeyboardInterrupt):
    """Somebody interrupts where nothing is lost by leaving at once; no handler of errors catches it by mistake."""


class SignalHandler:
    """What Ctrl-C and SIGTERM said."""

    def __init__(self) -> None:
        self._word: str | None = None
        self._may_leave = False

    def __call__(self) -> str | None:
        """The first of them, in words."""
        return self._word

    @contextmanager
    def exit_at_once(self) -> Iterator[None]:
        """Inside, where nothing can be lost, a signal raises `ExitNow`; one that came before does so at once."""
        if self._word:
            raise ExitNow(self._word)
        self._may_leave = True
        try:
            yield
        finally:
            self._may_leave = False

    def handle(self, number: int, _: FrameType | None) -> None:
        """The handler."""
        if self._word and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._word = self._word or f"{INTERRUPTED} {signal.Signals(number).name}; the same command continues"
        if self._may_leave:
            raise ExitNow(self._word)


_listening: list[SignalHandler] = []  # in the main thread, the only one in which signals arrive


@contextmanager
def interruption() -> Iterator[SignalHandler]:
    """Turn the first Ctrl-C or SIGTERM into a word to be asked for; the second Ctrl-C raises KeyboardInterrupt.

    Within another one it is the same one: a command listens before it imports what it runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield SignalHandler()
    elif _listening:
        yield _listening[0]
    else:
        with _handlers() as signals:
            yield signals


@contextmanager
def _handlers() -> Iterator[SignalHandler]:
    signals = SignalHandler()
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    _listening.append(signals)
    try:
        yield signals
    finally:
        _listening.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
