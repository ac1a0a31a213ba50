"""Display of the training progress in a notebook: one output of the cell that changes in place."""

import html
import logging
import warnings
from collections import deque
from typing import Any, TextIO

from rich.text import Text

from rlvision.core.notebook import SECONDS, LiveOutput, draw_bar, draw_row
from rlvision.tracking.dashboard import Dashboard, duration, gathering, line, number
from rlvision.tracking.small_curve import draw_svg

MOST_LINES = 500
"""Lines below the curve; older ones are dropped."""


class NotebookView:
    """A view that draws the dashboard in one output of the cell, and below it the lines and the warnings of the run.

    Warnings of rlvision and of Python belong to this output from the first line to `close`.
    """

    seconds = SECONDS

    def __init__(self) -> None:
        self._output = LiveOutput()
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._catcher: WarningCatcher | None = None

    def show(self, dashboard: Dashboard) -> None:
        """Draw the dashboard over the last one."""
        self._begin()
        self._output.put("board", draw_board(dashboard), line(dashboard))

    def write_line(self, text: str) -> None:
        """Add a line below the dashboard."""
        self._begin()
        self._lines.append(text)
        self._output.put("lines", draw_lines(self._lines), "\n".join(self._lines))

    def close(self) -> None:
        """Draw a last time, and let warnings go where they went before."""
        self._output.close()
        if self._catcher is not None:
            self._catcher.stop()
            self._catcher = None

    def _begin(self) -> None:
        if self._catcher is None:
            self._catcher = WarningCatcher(self)
            self._output.begin()


class WarningCatcher(logging.Handler):
    """A log handler that writes the warnings of rlvision and of Python as lines of a view.

    Args:
        view: to write to.
    """

    def __init__(self, view: NotebookView) -> None:
        super().__init__(logging.WARNING)
        self._view = view
        self._logger = logging.getLogger("rlvision")
        self._logger.addHandler(self)
        self._before, self._ours = warnings.showwarning, self._show
        warnings.showwarning = self._ours

    def emit(self, record: logging.LogRecord) -> None:
        """Write a log record."""
        self._view.write_line(f"{record.levelname.lower()}: {record.getMessage()}")

    def stop(self) -> None:
        """Take no more warnings, and put back what was there, unless another has been put in its place since."""
        self._logger.removeHandler(self)
        if warnings.showwarning is self._ours:
            warnings.showwarning = self._before

    def _show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Write a warning of Python, as `warnings.showwarning` is called."""
        words = Text.from_ansi(str(message)).plain  # Gymnasium's are coloured
        self._view.write_line(f"{category.__name__}: {words} ({filename}:{lineno})")


def draw_board(dashboard: Dashboard) -> str:
    """Return the dashboard as HTML: title and times, bar, numbers, curve."""
    left = gathering(dashboard) or f"{duration(dashboard.seconds_left)} left"
    done = f"{dashboard.env_steps:,} of {dashboard.total_env_steps:,} env steps ({dashboard.share:.0%})"
    return "".join(
        (
            draw_row(dashboard.title, f"{duration(dashboard.seconds)} gone, {left}"),
            draw_bar(dashboard.share),
            draw_row(done, dashboard.activity or f"{dashboard.rate:,.0f} env steps/s"),
            _draw_numbers(_numbers(dashboard)),
            _draw_curve(dashboard),
        )
    )


def draw_lines(lines: Any) -> str:
    """Return lines as HTML, as many as fit; the rest can be scrolled to."""
    rows = "".join(f"<div>{html.escape(text)}</div>" for text in lines)
    return f'<div style="{_LINES}">{rows}</div>'


def _numbers(dashboard: Dashboard) -> dict[str, float | None]:
    latest = dashboard.latest.get
    return {
        "score, mean of 20": dashboard.recent,
        "last": dashboard.scores[-1] if dashboard.scores else None,
        "best": dashboard.best,
        "games": dashboard.games,
        "evaluation": latest("evaluate/mean"),
        "loss": latest("loss/td"),
        "Q mean": latest("q/mean"),
        "epsilon": latest("policy/epsilon"),
    }


def _draw_numbers(numbers: dict[str, float | None]) -> str:
    cells = "".join(
        f'<div><div style="font-size: 11px; opacity: 0.7">{name}</div><b>{html.escape(number(value))}</b></div>'
        for name, value in numbers.items()
    )
    return f'<div style="{_NUMBERS}">{cells}</div>'


def _draw_curve(dashboard: Dashboard) -> str:
    if not (dashboard.course.points or dashboard.evaluations):
        return '<div style="font-size: 13px; opacity: 0.7">no game finished yet</div>'
    return draw_svg(dashboard.course.points, dashboard.evaluations, dashboard.total_env_steps)


_NUMBERS = "display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 8px 0; font-variant-numeric: tabular-nums"
_LINES = "font-size: 12px; opacity: 0.8; max-height: 14em; overflow: auto; margin-top: 6px"
