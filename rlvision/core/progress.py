"""Progress of slow work outside the training loop: bars in a terminal or a notebook; elsewhere lines about games."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from rlvision.core.notebook import LiveOutput, draw_bar, draw_row, in_notebook, shared_output
from rlvision.core.types import Episode, Progress

PATIENCE = 2.0
"""Seconds of work before a bar appears."""
BAR_SECONDS, LINE_SECONDS = 0.25, 10.0
"""Seconds between two drawings of a bar over games, and between two lines about them without a terminal."""
RESTORING_GAMES = "restoring the games"
"""Label of the bar while action logs are replayed."""


class GameCount:
    """The games and decisions of an evaluation so far.

    Args:
        games: number of games; 0 for one that is only watched.
        show: called with this object when it changes, and the seconds have passed.
        seconds: between two calls.
        clock: returns the time in seconds; tests replace it.
    """

    def __init__(
        self,
        games: int,
        show: Callable[["GameCount"], None],
        *,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.games, self.scores, self.decisions = games, list[float](), 0
        self._show, self._seconds, self._clock = show, seconds, clock
        self._begun = clock()
        self._next = self._begun + seconds

    def __call__(self, episode: Episode) -> None:
        """Count a game that is over."""
        self.scores.append(episode.score)
        self._show_if_due()

    def step(self, decisions: int) -> None:
        """Set the decisions of all games so far, those under way included."""
        self.decisions = decisions
        self._show_if_due()

    @property
    def pace(self) -> str:
        """Mean score, decisions and their rate: ``mean score 12.5, 4,510 decisions (120/s)``."""
        seconds = self._clock() - self._begun
        rate = f" ({self.decisions / seconds:,.0f}/s)" if seconds > 0 else ""
        return ", ".join([*([_mean(self.scores)] if self.scores else []), f"{self.decisions:,} decisions{rate}"])

    @property
    def line(self) -> str:
        """Everything: ``3 of 10 games, mean score 12.5, 4,510 decisions (120/s)``."""
        return f"{len(self.scores):,} of {self.games:,} games, {self.pace}" if self.games else self.pace

    def _show_if_due(self) -> None:
        if (now := self._clock()) >= self._next:
            self._next = now + self._seconds
            self._show(self)


@contextmanager
def count_games(games: int) -> Iterator[GameCount]:
    """Show how far an evaluation is; yield the object that is called with each game that is over.

    On Ctrl-C, print the mean score of the games that had finished.
    """
    with _bar() as bar:
        task = bar.add_task("playing", total=games)
        bar.update(task)  # a notebook's is drawn by this
        is_plain = bar.disable and not isinstance(bar, NotebookBar)

        def show(count: GameCount) -> None:
            if is_plain:
                bar.console.print(f"playing: {count.line}", soft_wrap=True, markup=False, highlight=False)
            bar.update(task, completed=len(count.scores), description=count.pace)

        count = GameCount(games, show, seconds=LINE_SECONDS if is_plain else BAR_SECONDS)
        with report_interruption(bar.console, lambda: _so_far(count.scores, games)):
            yield count


@contextmanager
def report_interruption(console: Console, what: Callable[[], str]) -> Iterator[None]:
    """Print a line on Ctrl-C: "interrupted", and then the text that ``what`` returns."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"interrupted {what()}", soft_wrap=True, markup=False, highlight=False)
        raise


@contextmanager
def show_steps(description: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Show a bar over the steps of slow work after `PATIENCE` seconds; yield the callback for (done, total).

    Args:
        description: of the work.
        quiet: show nothing.
    """
    with _bar(quiet) as bar:
        task = bar.add_task(description, visible=False)

        def report(done: int, total: int) -> None:
            if (bar.tasks[0].elapsed or 0.0) > PATIENCE:
                bar.update(task, completed=done, total=total, visible=True)

        yield report


def _mean(scores: list[float]) -> str:
    return f"mean score {sum(scores) / len(scores):,.1f}"


def _so_far(scores: list[float], games: int) -> str:
    if not scores:
        return f"before the first of {games:,} games ended"
    return f"after {len(scores):,} of {games:,} games, {_mean(scores)}; these scores are not saved"


@contextmanager
def _bar(quiet: bool = False) -> Iterator[Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with open_bar(Console(stderr=True, quiet=quiet), *columns, TimeElapsedColumn(), TimeRemainingColumn()) as bar:
        yield bar


@contextmanager
def open_bar(console: Console, *columns: ProgressColumn) -> Iterator[Bar]:
    """Yield a bar that disappears at its end: on the console if that is a terminal, or in the notebook's output."""
    if in_notebook() and not console.quiet:
        with shared_output() as output, NotebookBar(output, console) as bar:
            yield bar
    else:
        with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            yield bar


class NotebookBar(Bar):
    """A bar in an output of a notebook.

    Args:
        output: to draw in.
        console: for lines.
    """

    def __init__(self, output: LiveOutput, console: Console) -> None:
        super().__init__(console=console, disable=True)
        self._output = output

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Change a task, and draw it."""
        super().update(task_id, **changes)
        self._show(task_id)

    def stop(self) -> None:
        """Remove the bar."""
        super().stop()
        self._output.drop("bar")

    def _show(self, task_id: TaskID) -> None:
        task = self._tasks[task_id]
        if task.visible:
            bar = "" if task.total is None else draw_bar(task.percentage / 100)
            self._output.put("bar", draw_row(task.description, _count(task)) + bar, "")


def _count(task: Task) -> str:
    """Return how much of a task is done, and the time that it took."""
    seconds = round(task.elapsed or 0.0)
    done = "" if task.total is None else f"{task.completed:,.0f} of {task.total:,.0f}  "
    return f"{done}{seconds // 60}:{seconds % 60:02d}"
