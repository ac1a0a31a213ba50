"""Display of the training progress in a terminal, a notebook or a file."""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live

from rlvision.core.notebook import in_notebook
from rlvision.core.progress import GameCount
from rlvision.core.signals import StopReason
from rlvision.core.types import State
from rlvision.tracking.dashboard import Dashboard, evaluation_line, line, screen
from rlvision.tracking.notebook import NotebookView
from rlvision.tracking.small_curve import Mark

_log = logging.getLogger("rlvision")

PACE_SECONDS = 120.0
"""Time of training over which the pace is averaged: long enough to be steady, short enough to follow the load."""

LogEvaluation = Callable[[int, StopReason, bool], None]
"""Function of the env steps of an evaluation, of what may interrupt it, and of whether it is the last."""
SHARE = 0.01
"""Largest share of the time spent on drawing; slow drawing becomes less frequent."""


class ConsoleTracker:
    """A live display in a terminal or a notebook; for other outputs, such as a file, a line every ten seconds.

    Only `log`, `progress` and `message` draw: there is no thread, and drawing takes at most a hundredth of the time.
    Other code's output, warnings and log messages appear above the display.

    Args:
        total_env_steps: end of the progress bar.
        title: such as ``"quick CartPole-v1 seed 1"``.
        console: the output; None for the notebook's, or standard output.
        clock: returns the time in seconds; tests replace it.
        learning_starts: env steps before learning starts.
        evaluate_every: env steps between evaluations, whose time counts in the time left; 0 for one at the end.
    """

    def __init__(
        self,
        total_env_steps: int,
        title: str,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        learning_starts: int = 0,
        evaluate_every: int = 0,
    ) -> None:
        self._view = _choose_view(console)
        self._dashboard = Dashboard(title, total_env_steps, learning_starts, evaluate_every)
        self._clock = clock
        self._start = clock()
        self._next = self._start + self._view.seconds
        self._pace: deque[tuple[float, int]] = deque()  # recent (time of training, env steps)
        self._apart = 0.0  # seconds of evaluations in this process
        self._told = 0.0  # those of evaluations whose rows have been logged
        self._closed = False
        self._warned = False

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Show the values of a row, and announce an evaluation at once."""
        self._dashboard.latest.update(metrics)
        if "episode/score" in metrics:
            self._dashboard.add_score(metrics["episode/score"])
            self._dashboard.course.add(env_steps, metrics["episode/score"])
        if "evaluate/mean" in metrics:
            self._dashboard.add_evaluation(metrics, env_steps)
            self._dashboard.evaluation_seconds, self._told = self._apart - self._told, self._apart
            self.message(evaluation_line(metrics, env_steps))
        self.progress(env_steps)

    def progress(self, env_steps: int) -> None:
        """Report the progress of training; cheap enough to call at every step."""
        now = self._clock()
        if self._dashboard.is_gathering and env_steps >= self._dashboard.learning_starts:
            self._dashboard.rate = self._measure(now) if self._pace else 0.0  # shown until there is another
            self._pace.clear()  # training is slower than gathering, so its pace is measured separately
        self._dashboard.env_steps = env_steps
        if not self._pace:
            self._pace.append((now - self._apart, env_steps))
        if now >= self._next and not self._closed:
            self._draw(now)

    @contextmanager
    def evaluating(self, games: int) -> Iterator[GameCount]:
        """Show how far an evaluation is, or the video of a game for 0 games, and keep its time out of the pace."""
        begun = self._clock()
        try:
            yield GameCount(games, self._show_count, clock=self._clock)
        finally:
            self._dashboard.activity = ""
            self._apart += self._clock() - begun

    def recording(self, log_evaluation: LogEvaluation) -> LogEvaluation:
        """Return a function that logs the media of an evaluation, with the decisions of its game in the display."""

        def log(env_steps: int, interrupted: StopReason, is_last: bool) -> None:
            with self.evaluating(0) as count:

                def counted() -> str | None:
                    count.step(count.decisions + 1)  # it is asked before every decision
                    return interrupted()

                log_evaluation(env_steps, counted, is_last)

        return log

    def message(self, text: str) -> None:
        """Print a line that stays on the screen, above the live display."""
        with self._warn_on_os_error():
            self._view.write_line(text)

    def set_learning_starts(self, env_steps: int) -> None:
        """Set the env steps before learning starts, for a run that continues without its replay."""
        self._dashboard.learning_starts = env_steps

    def state_dict(self) -> State:
        """Return the displayed numbers."""
        dashboard = self._dashboard
        latest = {name: float(value) for name, value in dashboard.latest.items()}
        numbers = {"best": dashboard.best, "evaluation_seconds": dashboard.evaluation_seconds}
        marks = [astuple(mark) for mark in dashboard.evaluations]
        drawn = {"course": dashboard.course.state(), "evaluations": marks}
        return {"scores": list(dashboard.scores), "latest": latest, **numbers, **drawn}

    def load_state_dict(self, state: State) -> None:
        """Restore the numbers of a continued run."""
        self._dashboard.scores.clear()
        self._dashboard.scores.extend(state["scores"])
        self._dashboard.best = state["best"]
        self._dashboard.evaluation_seconds = state.get("evaluation_seconds", 0.0)  # none in older checkpoints
        self._dashboard.latest.update(state.get("latest", {}))  # older checkpoints have none
        if "course" in state:
            self._dashboard.course.restore(state["course"])
            self._dashboard.evaluations = [Mark(*mark) for mark in state["evaluations"]]

    def close(self) -> None:
        """Draw a last time, if there was any progress, and release the terminal; may be called twice."""
        if not self._closed:
            if self._pace:
                self._draw(self._clock())
            self._closed = True
            with self._warn_on_os_error():
                self._view.close()

    def _show_count(self, count: GameCount) -> None:
        now = self._clock()
        if now >= self._next and not self._closed:
            self._dashboard.activity = f"{'evaluating' if count.games else 'recording a game'}: {count.line}"
            self._show(now)

    def _draw(self, now: float) -> None:
        self._dashboard.rate = self._measure(now)
        self._show(now)

    def _show(self, now: float) -> None:
        self._dashboard.seconds = now - self._start
        with self._warn_on_os_error():
            self._view.show(self._dashboard)
        took = self._clock() - now
        self._next = now + max(self._view.seconds, took / SHARE)

    @contextmanager
    def _warn_on_os_error(self) -> Iterator[None]:
        """Warn once when output fails, such as into a file on a full disk, and let training continue."""
        try:
            yield
        except OSError as error:
            if not self._warned:
                _log.warning("expected to show the progress, got %s: training goes on", error.strerror)
            self._warned = True

    def _measure(self, now: float) -> float:
        """Return env steps per second over the last `PACE_SECONDS` of training; the last pace if no time has passed."""
        self._pace.append((now - self._apart, self._dashboard.env_steps))
        while len(self._pace) > 2 and self._pace[0][0] < self._pace[-1][0] - PACE_SECONDS:
            self._pace.popleft()
        (since, before), (until, after) = self._pace[0], self._pace[-1]
        return (after - before) / (until - since) if until > since else self._dashboard.rate


class PipeSafeConsole(Console):
    """A console that stops writing when its pipe is closed; rich's own would end the process."""

    def on_broken_pipe(self) -> None:
        """Stop writing; rich calls this."""
        self.quiet = True


def say(text: str) -> None:
    """Print one line on standard output, for work that has no display."""
    PlainView(PipeSafeConsole(force_jupyter=False)).write_line(text)


def _choose_view(console: Console | None) -> "View":
    if console is None and in_notebook():
        return NotebookView()
    console = console or PipeSafeConsole()
    return LiveView(console) if console.is_terminal else PlainView(console)


class View(Protocol):
    """A way to show the dashboard."""

    @property
    def seconds(self) -> float:
        """Shortest time between two drawings."""

    def show(self, dashboard: Dashboard) -> None:
        """Draw the dashboard."""

    def write_line(self, text: str) -> None:
        """Print a line that stays."""

    def close(self) -> None:
        """Stop drawing; the last picture stays."""


class PlainView:
    """A view of one line per drawing, for files and pipes."""

    seconds = 10.0

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, dashboard: Dashboard) -> None:
        """Print the dashboard as one line."""
        self.write_line(line(dashboard))

    def write_line(self, text: str) -> None:
        """Print a line without wrapping, since the reader may be a program."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def close(self) -> None:
        """Do nothing: there is no display to release."""


class LiveView:
    """A view that redraws the dashboard in place."""

    seconds = 0.25

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._handlers: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []

    def show(self, dashboard: Dashboard) -> None:
        """Draw the dashboard over the last one."""
        if self._live is None:
            self._live = self._begin()
        self._live.update(screen(dashboard, self._console.width), refresh=True)

    def write_line(self, text: str) -> None:
        """Print a line above the dashboard."""
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Stop drawing, keep the last picture, and restore the streams."""
        for handler, stream in self._handlers:
            handler.setStream(stream)
        self._handlers.clear()
        if self._live is not None:
            self._live.stop()

    def _begin(self) -> Live:
        """Start the display, and redirect the streams of this terminal so that their output appears above it."""
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
        """Redirect earlier log handlers, which keep the stream they were made with, until `close`."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in now:
                self._handlers.append((handler, handler.stream))
                handler.setStream(now[handler.stream])
