"""From a rollout to a video file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from rlvision.watch.moment import Game, Moment, game_of
from rlvision.watch.overlay import Overlay
from rlvision.watch.rollout import Rollout
from rlvision.watch.video import check_video_path, open_video


def record(rollout: Rollout, path: Path, *, title: str, fps: float, console: Console | None = None) -> list[Game]:
    """Write the rollout's games into one video, each with the overlay beside it.

    Args:
        rollout: of a finite number of games.
        path: ends in .mp4 (H.264) or .webm (VP9).
        title: above the overlay, such as ``"Breakout"``.
        fps: pictures per second: 60 for Atari, else the environment's own.
        console: for the progress display; standard error if None.

    Returns:
        The games, in order.

    Raises:
        ConfigError: the suffix is another.
    """
    check_video_path(path)
    moments = iter(rollout)
    opening = next(moments)
    overlay = Overlay.of(opening, title, rollout.spec)
    games = []
    with open_video(path, *overlay.size, fps) as video, _progress(path, console) as tell:
        for moment in chain([opening], moments):
            overlay.show(moment)
            for frame in moment.frames:
                video.write(overlay.picture(frame))
            tell(moment, video.frames)
            if moment.last:
                games.append(game_of(moment))
    return games


@contextmanager
def _progress(path: Path, console: Console | None) -> Iterator[Callable[[Moment, int], None]]:
    """How far the recording is, for as long as it lasts; nothing where there is no terminal."""
    console = console or Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"{path.name}: begins")

        def tell(moment: Moment, frames: int) -> None:
            said = f"game {moment.game}, decision {moment.length:,}, score {moment.score:g}, {frames:,} frames"
            progress.update(task, description=f"{path.name}: {said}")

        yield tell
