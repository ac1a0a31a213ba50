"""One game as one self-contained HTML file: it opens from disk and needs no network.

::

    page  =  player.html + styles + scripts + the game as JSON
    game  =  film of the screens (lossless), film of the network's newest frames (lossless), film of the saliency,
             and for each decision: action, Q-values, score, lives, number of screens
"""

import html
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rlvision.core.errors import ConfigError
from rlvision.core.files import write_atomically
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import EnvSpec, FloatArray, UInt8Array
from rlvision.envs.preprocessing import resize
from rlvision.envs.settings import Crop
from rlvision.watch.assets.page_parts import PageParts
from rlvision.watch.drawing.overlay import readable_action
from rlvision.watch.html.film_strip import SpriteSheet
from rlvision.watch.rollout import Game, RolloutStep, game_of

Saliency = Callable[[RolloutStep], FloatArray]
"""A step -> [H, W] from 0 to 1: how much each pixel matters to the Q-value of the action taken."""
SUFFIXES = (".html", ".htm")
SALIENCY_SIDE = 42
"""Most rows and columns of a saliency map in the page, which shows it blurred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMeta:
    """The data of a page besides its steps.

    Attributes:
        title: such as ``"Breakout"``.
        note: a line next to the title.
        fps: the game's frames per second.
        spec: of the environment.
        crop: the part of the screen that the network sees; None: all.
        saliency: computes the map of a step; None: the page has no maps.
    """

    title: str
    fps: float
    spec: EnvSpec
    note: str = ""
    crop: Crop | None = None
    saliency: Saliency | None = None


def write_pages(rollout_steps: Iterable[RolloutStep], path: AnyPath, about: PageMeta) -> list[Game]:
    """Write a page for each game: the first to ``path``, a second to ``path`` with ``-2`` before its suffix.

    Args:
        rollout_steps: of a finite number of games, in order.
        path: ends in .html; each file appears when it is complete.
        about: the other data of the pages.

    Returns:
        The games, in order.

    Raises:
        ConfigError: the path has another suffix.
    """
    path = as_path(path)
    check_page_path(path)
    games: list[Game] = []
    record = PageRecorder(about)
    for rollout_step in rollout_steps:
        record.add(rollout_step)
        if rollout_step.last:
            games.append(game_of(rollout_step))
            write_page(record, page_path(path, len(games)))
            record = PageRecorder(about)
    return games


def write_page(record: "PageRecorder", path: Path) -> Path:
    """Write the page of a game; the file appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, record.page().encode())
    return path


def page_path(path: AnyPath, number: int) -> Path:
    """Return the path of the page of game ``number`` (1, 2, ...)."""
    path = as_path(path)
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def check_page_path(path: AnyPath) -> None:
    """Refuse a path that no browser would open as a page, before a game is played.

    Raises:
        ConfigError: the path has another suffix.
    """
    path = as_path(path)
    if path.suffix.lower() not in SUFFIXES or path.is_dir():
        raise ConfigError(f"expected an HTML file that ends in .html, got {path.name!r}: rename it")


@dataclass(slots=True)
class PageRecorder:
    """A collector of the steps of one game for its page.

    Args:
        about: the other data of the page.
    """

    about: PageMeta
    _screens: SpriteSheet = field(default_factory=SpriteSheet)
    _inputs: SpriteSheet = field(default_factory=SpriteSheet)
    _saliency: SpriteSheet = field(default_factory=lambda: SpriteSheet(lossless=False))
    _fresh: list[str] = field(default_factory=list)  # for each screen shown: "1" a new picture, "0" the one before it
    _rows: list[tuple[int, float, int, int]] = field(default_factory=list)  # action, score, lives or -1, screens
    _q_values: list[float | None] = field(default_factory=list)
    _before: UInt8Array | None = None
    _game: RolloutStep | None = None

    def add(self, rollout_step: RolloutStep) -> None:
        """Add the next step of the game."""
        self._game = rollout_step
        for frame in rollout_step.frames:
            self._show(frame)
        lives = -1 if rollout_step.lives is None else rollout_step.lives
        self._rows.append((rollout_step.action, rollout_step.score, lives, len(rollout_step.frames)))
        self._q_values.extend(_rounded(rollout_step.q_values))
        channels = self.about.spec.frame_channels
        newest = rollout_step.observation[-channels:]  # [c, H, W]
        self._inputs.add(newest[0] if channels == 1 else np.ascontiguousarray(newest.transpose(1, 2, 0)))
        if self.about.saliency is not None:
            self._saliency.add(_small(self.about.saliency(rollout_step)))

    def page(self) -> str:
        """Return the HTML of the page."""
        for sprite_sheet in (self._screens, self._inputs, self._saliency):
            sprite_sheet.close()
        parts = PageParts.load("rlvision.watch.html", "player.html", "player.css", ("player.js",))
        game = json.dumps(self._as_json(), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        return parts.page(title=html.escape(self.about.title), game=game)

    def _show(self, frame: UInt8Array) -> None:
        is_fresh = self._before is None or not np.array_equal(frame, self._before)
        self._fresh.append("1" if is_fresh else "0")
        if is_fresh:
            self._screens.add(frame)
            self._before = frame

    def _as_json(self) -> dict[str, object]:
        about, game = self.about, self._game
        actions, scores, lives, screens = zip(*self._rows, strict=True) if self._rows else ((), (), (), ())
        return {
            "title": about.title,
            "note": about.note,
            "fps": about.fps,
            "names": [readable_action(name) for name in about.spec.action_meanings],
            "stack": about.spec.stack,
            "crop": about.crop,
            "seed": None if game is None else game.seed,
            "over": game is not None and game.over,
            "screens": self._screens.as_json(),
            "inputs": self._inputs.as_json(),
            "saliency": self._saliency.as_json() if self._saliency.pictures else None,
            "fresh": "".join(self._fresh),
            "shown": screens,
            "actions": actions,
            "scores": scores,
            "lives": lives,
            "q": self._q_values,
        }


def _rounded(q_values: FloatArray) -> list[float | None]:
    """Round Q-values to five digits; None is an illegal action, and a network that has diverged has zeros."""
    finite = np.nan_to_num(q_values, nan=0.0, posinf=0.0, neginf=-np.inf)
    return [None if value == -np.inf else float(f"{value:.5g}") for value in finite.tolist()]


def _small(saliency: FloatArray) -> UInt8Array:
    """Turn a map [H, W] from 0 to 1 into a gray picture of at most `SALIENCY_SIDE` rows and columns."""
    height, width = (min(side, SALIENCY_SIDE) for side in saliency.shape)
    gray = np.rint(np.clip(saliency, 0, 1) * 255).astype(np.uint8)
    small = resize(gray[:, :, None], height, width)[:, :, 0]
    return np.asarray(np.rint(small * (255 / max(1, int(small.max())))), dtype=np.uint8)
