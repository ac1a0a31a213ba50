"""Where games are shown: in a window, in this terminal, as a video, as a page."""

from dataclasses import dataclass
from pathlib import Path

from rlvision.core.errors import ConfigError
from rlvision.watch.html.page import About, check_page_path, page_path, write_pages
from rlvision.watch.record import record, show_progress
from rlvision.watch.rollout import Rollout
from rlvision.watch.step import Game
from rlvision.watch.terminal.tty import require_terminal
from rlvision.watch.terminal.viewer import watch as draw_in_terminal
from rlvision.watch.video import check_video_path
from rlvision.watch.window import require_display
from rlvision.watch.window import watch as open_window


@dataclass(frozen=True, slots=True)
class Outlet:
    """One way of showing games: a window, unless another is named.

    Raises:
        ConfigError: two are named, a file has another suffix, or there is no terminal or display where one is needed.
    """

    video: Path | None = None  # .mp4 or .webm
    terminal: bool = False
    html: Path | None = None

    def __post_init__(self) -> None:
        named = [name for name in ("video", "terminal", "html") if getattr(self, name)]
        if len(named) > 1:
            raise ConfigError(
                f"expected one way of showing games, got {' and '.join(f'--{name}' for name in named)}: choose one"
            )
        self._require_usable()

    def show(self, rollout: Rollout, about: About) -> list[Game]:
        """Show the rollout's games.

        Returns:
            Those that came to an end, or were cut short by the rollout.
        """
        if self.video is not None:
            return record(rollout, self.video, title=about.title, fps=about.fps)
        if self.html is not None:
            with show_progress(self.html, "its page") as tell:
                return write_pages(map(tell, rollout), self.html, about)
        show = draw_in_terminal if self.terminal else open_window
        return show(rollout, title=about.title, fps=about.fps)

    def files(self, games: int) -> list[Path]:
        """What `show` has written of so many games."""
        if self.html is not None:
            return [page_path(self.html, number + 1) for number in range(games)]
        return [] if self.video is None else [self.video]

    def _require_usable(self) -> None:
        if self.video is not None:
            check_video_path(self.video)
        elif self.html is not None:
            check_page_path(self.html)
        elif self.terminal:
            require_terminal()
        else:
            require_display()
