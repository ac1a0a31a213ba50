"""Training as seen in the terminal."""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live

from rlvision.core.types import State
from rlvision.tracking.dashboard import Dashboard, evaluation_line, line, screen

_log = logging.getLogger("rlvision")

PACE_SECONDS = 20.0
"""Stretch of time over which the pace is measured."""

SHARE = 0.01
"""Drawing may take this much of the time: where it is slow, it is done less often."""


class ConsoleTracker:
    """A live display in a terminal; elsewhere, such as in a file, a line every ten seconds.

    Nothing is drawn but from within `log`, `progress` and `message`: there is no thread, and drawing takes at
    most a hundredth of the time. What other
    code prints, warns or logs meanwhile appears above the display.

    Args:
        total_env_steps: where the progress bar ends.
        title: such as ``"quick CartPole-v1 seed 1"``.
        console: where to draw; standard output if None.
        clock: seconds, for tests.
        learning_starts: env steps until which it only gathers what it will learn from.
    """

    def __init__(
        self,
        total_env_steps: int,
        title: str,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        learning_starts: int = 0,
    ) -> None:
        console = console or PipeSafeConsole()
        self._view: View = LiveView(console) if console.is_terminal else PlainView(console)
        self._dashboard = Dashboard(title, total_env_steps, learning_starts)
        self._clock = clock
        self._start = clock()
        self._next = self._start + self._view.seconds
        self._pace: deque[tuple[float, int]] = deque()  # (time, env steps) of late
        self._closed = False
        self._warned = False

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Take over a row; an evaluation's is announced at once."""
        self._dashboard.latest.update(metrics)
        if "episode/score" in metrics:
            self._dashboard.add_score(metrics["episode/score"])
        if "evaluate/mean" in metrics:
            self.message(evaluation_line(metrics, env_steps))
        self.progress(env_steps)

    def progress(self, env_steps: int) -> None:
        """So far has training come; cheap enough for every turn of the loop."""
        now = self._clock()
        if self._dashboard.is_gathering and env_steps >= self._dashboard.learning_starts:
            self._pace.clear()  # the pace of gathering says nothing of what comes
        self._dashboard.env_steps = env_steps
        if not self._pace:
            self._pace.append((now, env_steps))
        if now >= self._next and not self._closed:
            self._draw(now)

    def message(self, text: str) -> None:
        """Say something that stays on the screen, above the live display."""
        with self._warn_on_os_error():
            self._view.write_line(text)

    def set_learning_starts(self, env_steps: int) -> None:
        """A run that goes on without its replay gathers once more."""
        self._dashboard.learning_starts = env_steps

    def state_dict(self) -> State:
        """The numbers on show."""
        dashboard = self._dashboard
        latest = {name: float(value) for name, value in dashboard.latest.items()}
        return {"scores": list(dashboard.scores), "best": dashboard.best, "latest": latest}

    def load_state_dict(self, state: State) -> None:
        """Show the numbers of the run that is continued."""
        self._dashboard.scores.clear()
        self._dashboard.scores.extend(state["scores"])
        self._dashboard.best = state["best"]
        self._dashboard.latest.update(state.get("latest", {}))  # older checkpoints have none

    def close(self) -> None:
        """Draw once more, where training went on at all, and give the terminal back; may be called twice."""
        if not self._closed:
            if self._pace:
                self._draw(self._clock())
            self._closed = True
            with self._warn_on_os_error():
                self._view.close()

    def _draw(self, now: float) -> None:
        self._dashboard.seconds = now - self._start
        self._dashboard.rate = self._measure(now)
        with self._warn_on_os_error():
            self._view.show(self._dashboard)
        took = self._clock() - now
        self._next = now + max(self._view.seconds, took / SHARE)

    @contextmanager
    def _warn_on_os_error(self) -> Iterator[None]:
        """Output that fails, such as into a file on a full disk, is no reason to stop: one line says so elsewhere."""
        try:
            yield
        except OSError as error:
            if not self._warned:
                _log.warning("expected to show how training goes, got %s: it goes on", error.strerror)
            self._warned = True

    def _measure(self, now: float) -> float:
        """Env steps per second over the last `PACE_SECONDS`."""
        self._pace.append((now, self._dashboard.env_steps))
        while len(self._pace) > 2 and self._pace[0][0] < now - PACE_SECONDS:
            self._pace.popleft()
        (since, before), (now, after) = self._pace[0], self._pace[-1]
        return (after - before) / (now - since) if now > since else 0.0


class PipeSafeConsole(Console):
    """A console that falls silent when its reader leaves, where rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Called by rich."""
        self.quiet = True


class View(Protocol):
    """Where the board is shown."""

    @property
    def seconds(self) -> float:
        """The least time between two drawings."""

    def show(self, dashboard: Dashboard) -> None:
        """Draw it."""

    def write_line(self, text: str) -> None:
        """A line that stays."""

    def close(self) -> None:
        """Leave the screen as it is."""


class PlainView:
    """Lines, one below the other."""

    seconds = 10.0

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, dashboard: Dashboard) -> None:
        """One line."""
        self.write_line(line(dashboard))

    def write_line(self, text: str) -> None:
        """A line, never wrapped: the reader may be a program."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def close(self) -> None:
        """Nothing to give back."""


class LiveView:
    """A board that stays in place, drawn over itself."""

    seconds = 0.25

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._handlers: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []

    def show(self, dashboard: Dashboard) -> None:
        """Draw the board where it was drawn before."""
        if self._live is None:
            self._live = self._begin()
        self._live.update(screen(dashboard, self._console.width), refresh=True)

    def write_line(self, text: str) -> None:
        """A line above the board."""
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Leave the last picture standing and give the streams back."""
        for handler, stream in self._handlers:
            handler.setStream(stream)
        self._handlers.clear()
        if self._live is not None:
            self._live.stop()

    def _begin(self) -> Live:
        """Take the streams that end in this terminal, so that what is written there goes above the board."""
        before = (sys.stdout, sys.stderr)
        live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )
        live.start()
        self._redirect_logging(dict(zip(before, (sys.stdout, sys.stderr), strict=True)))
        return live

    def _redirect_logging(self, now: dict[TextIO, TextIO]) -> None:
        """A log handler made before keeps the stream of its day: hand it the present one until `close`."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in now:
                self._handlers.append((handler, handler.stream))
                handler.setStream(now[handler.stream])
