"""Games shown in a notebook: the pages of games to play through, and videos, as outputs of a cell."""

import html
from base64 import b64encode
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from rlvision.core.files import read_bytes, read_text
from rlvision.core.notebook import display_html
from rlvision.watch.html.page import PageMeta, PageRecorder
from rlvision.watch.record import show_progress
from rlvision.watch.rollout import Game, RolloutSteps, game_of

PAGE_HEIGHT = 820
"""Pixels of a page, which has room for the game, the Q-values and the value over time."""
VIDEO_WIDTH = 760
MOST_BYTES = 64 << 20
"""Size of a file that is put into a notebook at most."""
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
    games: list[Game] = []
    record = PageRecorder(about)
    with show_progress(Path(about.title), "its page") as report:
        for rollout_step in map(report, rollout):
            record.add(rollout_step)
            if rollout_step.last:
                games.append(game_of(rollout_step))
                display_html(page_html(record.page()), f"game {len(games)} of {about.title}")
                record = PageRecorder(about)
    return games


def show_pages(paths: list[Path]) -> None:
    """Show self-contained pages as outputs of the cell, each in a frame of its own."""
    for path in paths:
        display_html(page_html(read_text(path, MOST_BYTES)), str(path))


def show_video(path: Path) -> None:
    """Show a video file as an output of the cell."""
    display_html(video_html(path), str(path))


def page_html(page: str) -> str:
    """Return a frame that holds a self-contained page; it has its own scripts, and no access to the notebook."""
    style = f"width: 100%; height: {PAGE_HEIGHT}px; border: 0; border-radius: 10px"
    return f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts" style="{style}" title="a game"></iframe>'


def video_html(path: Path) -> str:
    """Return a video file, or a GIF, as HTML that holds all of its bytes; of a large one, only its name."""
    if path.stat().st_size > MOST_BYTES:
        return f"<p>{html.escape(str(path))} is larger than {MOST_BYTES >> 20} MB: open the file to see it.</p>"
    content = b64encode(read_bytes(path, MOST_BYTES)).decode()
    style = f'style="max-width: min(100%, {VIDEO_WIDTH}px)"'
    suffix = path.suffix.lower()
    if suffix not in TYPES:
        return f'<img src="data:image/gif;base64,{content}" alt="{html.escape(path.name)}" {style}>'
    return f'<video controls autoplay loop muted {style} src="data:{TYPES[suffix]};base64,{content}"></video>'
