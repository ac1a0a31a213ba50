"""Show games in a window, in this terminal, in a notebook, as a video or as pages."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

from rlvision.core.errors import ConfigError
from rlvision.core.notebook import in_notebook
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import EnvSpec
from rlvision.core.wording import as_written
from rlvision.watch.controls import Controls
from rlvision.watch.html.page import PageMeta, check_page_path, page_path, write_pages
from rlvision.watch.inline import play_pages, show_pages, show_video
from rlvision.watch.record import record, show_progress
from rlvision.watch.rollout import Game, Rollout, RolloutStep, game_of
from rlvision.watch.terminal.tty import require_terminal
from rlvision.watch.terminal.viewer import open_terminal
from rlvision.watch.video import check_video_path
from rlvision.watch.window import open_window, require_display


class Viewer(Protocol):
    """A display that shows steps at the game's speed and handles the keys."""

    @property
    def controls(self) -> Controls:
        """The state that the keys have set."""

    def play(self, rollout_step: RolloutStep) -> None:
        """Show the step's frames, then hold the last one while the game is paused."""


OpenViewer = Callable[[str, EnvSpec, RolloutStep, float], AbstractContextManager[Viewer]]
"""Title, spec of the environment, first step, frames per second -> a viewer, closed at the end."""


@dataclass(frozen=True, slots=True)
class Output:
    """One way of showing games: by default a window, in a notebook a page in the output of the cell.

    A notebook also shows the video or the pages that are written.

    Raises:
        ConfigError: two are chosen, a file has another suffix, or the terminal or display is missing.
    """

    video: AnyPath | None = None  # .mp4, .webm or .gif
    terminal: bool = False
    html: AnyPath | None = None
    shows_video: bool = True  # in a notebook, once it is written

    def __post_init__(self) -> None:
        named = [name for name in ("video", "terminal", "html") if getattr(self, name)]
        if len(named) > 1:
            raise ConfigError(
                f"expected one way of showing games, got {' and '.join(map(as_written, named))}: choose one"
            )
        self._require_usable()

    def show(self, rollout: Rollout, about: PageMeta) -> list[Game]:
        """Show the rollout's games.

        Returns:
            The games that ended, or were cut short by the rollout.
        """
        if self.video is not None:
            games = record(rollout, self.video, title=about.title, fps=about.fps)
            if self.shows_video and in_notebook():
                show_video(as_path(self.video))
            return games
        if self.html is not None:
            return self._write_pages(rollout, as_path(self.html), about)
        if in_notebook() and not self.terminal:
            return play_pages(rollout, about)
        return show_live(open_terminal if self.terminal else open_window, rollout, title=about.title, fps=about.fps)

    def files(self, games: int) -> list[Path]:
        """Return the files that `show` writes for a number of games."""
        if self.html is not None:
            return [page_path(self.html, number + 1) for number in range(games)]
        return [] if self.video is None else [as_path(self.video)]

    def _write_pages(self, rollout: Rollout, path: Path, about: PageMeta) -> list[Game]:
        with show_progress(path, "its page") as report:
            games = write_pages(map(report, rollout), path, about)
        if in_notebook():
            show_pages(self.files(len(games)))
        return games

    def _require_usable(self) -> None:
        if self.video is not None:
            check_video_path(self.video)
        elif self.html is not None:
            check_page_path(self.html)
        elif self.terminal:
            require_terminal()
        elif not in_notebook():
            require_display()


def show_live(open_viewer: OpenViewer, rollout: Rollout, *, title: str, fps: float) -> list[Game]:
    """Show a rollout's games at their own speed until they are over or the viewer quits.

    Args:
        open_viewer: a window or the terminal.
        rollout: the games.
        title: such as ``"Breakout"``.
        fps: the game's frames per second.

    Returns:
        The games that were played to their end, in order.

    Raises:
        ConfigError: there is no display or terminal.
        MissingExtraError: the window's library is not installed.
    """
    rollout_steps = iter(rollout)
    opening = next(rollout_steps)
    with open_viewer(title, rollout.spec, opening, fps) as viewer:
        return _play(rollout, chain([opening], rollout_steps), viewer)


def _play(rollout: Rollout, rollout_steps: Iterable[RolloutStep], viewer: Viewer) -> list[Game]:
    games = []
    for rollout_step in rollout_steps:
        viewer.play(rollout_step)
        if rollout_step.last:
            games.append(game_of(rollout_step))
        if viewer.controls.quit:
            break
        if viewer.controls.consume_skip() and not rollout_step.last:
            rollout.skip()
    return games
