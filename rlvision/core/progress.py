"""Progress bars for slow work outside the training loop; without a terminal they show nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from rlvision.core.types import Episode, Progress

PATIENCE = 2.0
"""Seconds of work before a bar appears."""
RESTORING_GAMES = "restoring the games"
"""Label of the bar while action logs are replayed."""


@contextmanager
def count_games(games: int) -> Iterator[Callable[[Episode], None]]:
    """Show a bar over the games of an evaluation with their mean score; yield the callback for each finished game.

    On Ctrl-C, print the mean score of the games that had finished.
    """
    scores: list[float] = []
    with _bar() as bar:
        task = bar.add_task("playing", total=games)

        def on_episode(episode: Episode) -> None:
            scores.append(episode.score)
            bar.update(task, advance=1, description=_mean(scores))

        with report_interruption(bar.console, lambda: _so_far(scores, games)):
            yield on_episode


@contextmanager
def report_interruption(console: Console, what: Callable[[], str]) -> Iterator[None]:
    """Print a line on Ctrl-C: "interrupted", and then the text that ``what`` returns."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"interrupted {what()}", soft_wrap=True, markup=False, highlight=False)
        raise


@contextmanager
def show_steps(description: str) -> Iterator[Progress]:
    """Show a bar over the steps of slow work after `PATIENCE` seconds; yield the callback for (done, total)."""
    with _bar() as bar:
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


def _bar() -> Bar:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Bar(
        *columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
