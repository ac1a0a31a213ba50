"""Progress bars of what takes a while beside training; without a terminal they show nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from rlvision.core.types import Episode, Progress

PATIENCE = 2.0
"""Seconds that something may take before a bar shows how far it is."""
RESTORING_GAMES = "bringing the games back"
"""What a bar says while action logs are replayed."""


@contextmanager
def count_games(games: int) -> Iterator[Callable[[Episode], None]]:
    """A bar over the games of an evaluation, with their mean score so far; yields what to tell of each game.

    Where somebody interrupts, a line says what the games came to that were over.
    """
    scores: list[float] = []
    with _bar() as bar:
        task = bar.add_task("playing", total=games)

        def on_episode(episode: Episode) -> None:
            scores.append(episode.score)
            bar.update(task, advance=1, description=_mean(scores))

        with say_if_interrupted(bar.console, lambda: _so_far(scores, games)):
            yield on_episode


@contextmanager
def say_if_interrupted(console: Console, what: Callable[[], str]) -> Iterator[None]:
    """A line about what Ctrl-C cuts short here."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"interrupted {what()}", soft_wrap=True, markup=False, highlight=False)
        raise


@contextmanager
def show_steps(description: str) -> Iterator[Progress]:
    """A bar over the steps of something that may take long, from `PATIENCE` seconds on; yields what to tell of them."""
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
        return f"before any of {games:,} games was over"
    return f"after {len(scores):,} of {games:,} games, {_mean(scores)}; they are not kept"


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
