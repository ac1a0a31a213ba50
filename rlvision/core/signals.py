"""Ctrl-C and SIGTERM as a flag to check, so that the current step is finished and saved before the process ends."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

StopReason = Callable[[], str | None]
"""Function that returns the reason to stop, such as "interrupted by SIGTERM", or None to continue."""

INTERRUPTED = "interrupted by"
"""Start of the reason after a signal."""


def interrupt_program(reason: str) -> None:
    """End the program if a signal was the reason why a run ended, now that the run is saved.

    If the program has a handler of its own for SIGTERM, that is called instead.

    Raises:
        KeyboardInterrupt: the reason is Ctrl-C.
        SystemExit: the reason is SIGTERM; the status is 143, as of a program that a shell sees terminated.
    """
    if reason.startswith(f"{INTERRUPTED} {signal.SIGINT.name}"):
        raise KeyboardInterrupt
    if reason.startswith(f"{INTERRUPTED} {signal.SIGTERM.name}"):
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            raise SystemExit(128 + signal.SIGTERM)  # not by the signal itself: files are closed, and output is flushed
        signal.raise_signal(signal.SIGTERM)


class ExitNow(KeyboardInterrupt):
    """A signal at a point where nothing is lost by exiting at once.

    It is a KeyboardInterrupt, so ``except Exception`` does not catch it.
    """


class SignalHandler:
    """Handler of Ctrl-C and SIGTERM that records the first signal as the reason to stop."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._may_exit = False

    def __call__(self) -> str | None:
        """Return the reason to stop, or None before the first signal."""
        return self._reason

    @contextmanager
    def exit_at_once(self) -> Iterator[None]:
        """Raise `ExitNow` for a signal inside the block, where nothing can be lost, or for one before it."""
        if self._reason:
            raise ExitNow(self._reason)
        self._may_exit = True
        try:
            yield
        finally:
            self._may_exit = False

    def handle(self, number: int, _: FrameType | None) -> None:
        """Record the signal ``number``; raise KeyboardInterrupt for a second Ctrl-C."""
        if self._reason and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._reason = self._reason or f"{INTERRUPTED} {signal.Signals(number).name}; the same command continues"
        if self._may_exit:
            raise ExitNow(self._reason)


_installed: list[SignalHandler] = []  # at most one, in the main thread: Python delivers signals only there


@contextmanager
def interruption() -> Iterator[SignalHandler]:
    """Yield a handler that records the first Ctrl-C or SIGTERM; a second Ctrl-C raises KeyboardInterrupt.

    Nested blocks share one handler, so that a command can catch signals before it imports the code that it runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield SignalHandler()
    elif _installed:
        yield _installed[0]
    else:
        with _install() as signals:
            yield signals


@contextmanager
def _install() -> Iterator[SignalHandler]:
    signals = SignalHandler()
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    _installed.append(signals)
    try:
        yield signals
    finally:
        _installed.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
