"""Games shown in a notebook: the pages of games to play through, and videos, as outputs of a cell."""

import html
from base64 import b64encode
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

from rlvision.core.notebook import display_html
from rlvision.watch.html.page import PageMeta, page_path, write_pages
from rlvision.watch.record import show_progress
from rlvision.watch.rollout import Game, RolloutSteps

PAGE_HEIGHT = 820
"""Pixels of a page, which has room for the game, the Q-values and the value over time."""
VIDEO_WIDTH = 760
TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}


@dataclass(frozen=True, slots=True)
class Recording(PathLike[str]):
    """A video of games. A notebook plays it where a cell ends with it; elsewhere it is a path.

    Attributes:
        path: of the file.
        games: in the video, in order.
    """

    path: Path
    games: tuple[Game, ...]

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        return video_html(self.path)


def play_pages(rollout: RolloutSteps, about: PageMeta) -> list[Game]:
    """Play the games of a rollout, and show the page of each as an output of the cell.

    Returns:
        The games, in order.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "game.html"
        with show_progress(path, "its page") as report:
            games = write_pages(map(report, rollout), path, about)
        show_pages([page_path(path, number + 1) for number in range(len(games))])
    return games


def show_pages(paths: list[Path]) -> None:
    """Show self-contained pages as outputs of the cell, each in a frame of its own."""
    for path in paths:
        display_html(page_html(path.read_text()), f"the page of a game, {path.name}")


def show_video(path: Path) -> None:
    """Show a video file as an output of the cell."""
    display_html(video_html(path), str(path))


def page_html(page: str) -> str:
    """Return a frame that holds a self-contained page; it has its own scripts, and no access to the notebook."""
    style = f"width: 100%; height: {PAGE_HEIGHT}px; border: 0; border-radius: 10px"
    return f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts" style="{style}" title="a game"></iframe>'


def video_html(path: Path) -> str:
    """Return a video file, or a GIF, as HTML that holds all of its bytes."""
    content = b64encode(path.read_bytes()).decode()
    style = f'style="max-width: min(100%, {VIDEO_WIDTH}px)"'
    suffix = path.suffix.lower()
    if suffix not in TYPES:
        return f'<img src="data:image/gif;base64,{content}" alt="{html.escape(path.name)}" {style}>'
    return f'<video controls autoplay loop muted {style} src="data:{TYPES[suffix]};base64,{content}"></video>'
