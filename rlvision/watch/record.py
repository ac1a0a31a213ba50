"""Write the games of a rollout into a video file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from rlvision.core.paths import AnyPath, as_path
from rlvision.core.progress import open_bar, report_interruption
from rlvision.watch.drawing.overlay import Overlay
from rlvision.watch.gif import Gif
from rlvision.watch.rollout import Game, RolloutStep, RolloutSteps, game_of
from rlvision.watch.video import Video, check_video_path, open_video


def record(
    rollout: RolloutSteps, path: AnyPath, *, title: str, fps: float, console: Console | None = None
) -> list[Game]:
    """Write the rollout's games into one video, with the overlay next to the game.

    Args:
        rollout: of a finite number of games.
        path: ends in .mp4 (H.264), .webm (VP9) or .gif.
        title: above the overlay, such as ``"Breakout"``.
        fps: the game's frames per second.
        console: of the progress display; None: standard error.

    Returns:
        The games, in order.

    Raises:
        ConfigError: the path has another suffix.
    """
    path = as_path(path)
    check_video_path(path)
    rollout_steps = iter(rollout)
    opening = next(rollout_steps)
    overlay = Overlay.of(opening, title, rollout.spec)
    games = []
    with open_video(path, *overlay.size, fps) as video, show_progress(path, "the video", console) as report:
        for rollout_step in chain([opening], rollout_steps):
            overlay.show(report(rollout_step))
            _write(video, overlay, rollout_step)
            if rollout_step.last:
                games.append(game_of(rollout_step))
    return games


def _write(video: Video | Gif, overlay: Overlay, rollout_step: RolloutStep) -> None:
    """Write the pictures of a step, converting only the parts that change."""
    if video.frames == 0 or not overlay.pastes_evenly:
        video.paint(overlay.picture(rollout_step.frames[0]), 0, 0)
    side_panel, column = overlay.side_panel()
    video.paint(side_panel, column, 0)
    for frame in rollout_step.frames:
        if overlay.pastes_evenly:
            video.paste(frame, *overlay.game_place, overlay.scale)
        else:
            video.paint(overlay.picture(frame), 0, 0)
        video.emit()


@contextmanager
def show_progress(
    path: Path, what: str, console: Console | None = None
) -> Iterator[Callable[[RolloutStep], RolloutStep]]:
    """Show the progress of a file in a terminal or a notebook; yield a function to report each step to.

    On an interruption, print one line that ``what`` is not written.
    """
    console = console or Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with open_bar(console, *columns) as progress:
        task = progress.add_task(f"{path.name}: begins", total=None)
        place = "its beginning"

        def report(rollout_step: RolloutStep) -> RolloutStep:
            nonlocal place
            place = f"game {rollout_step.game}, decision {rollout_step.length:,}, score {rollout_step.score:g}"
            progress.update(task, description=f"{path.name}: {place}")
            return rollout_step

        with report_interruption(console, lambda: f"in {place}; {what} is not written"):
            yield report
