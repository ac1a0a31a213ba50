"""One game as one self-contained HTML file: it opens from disk, needs no network, and can be sent to anybody.

::

    page  =  player.html + player.css + player.js + the game as JSON
    game  =  film of the screens (lossless), film of the network's newest frames (lossless), film of the saliency,
             and per decision: action, Q-values, score, lives, how many screens
"""

import html
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import chain
from pathlib import Path

import numpy as np

from rlvision.core.errors import ConfigError
from rlvision.core.files import write_atomically
from rlvision.core.types import EnvSpec, FloatArray, UInt8Array
from rlvision.envs.preprocessing import resize
from rlvision.envs.settings import Crop
from rlvision.watch.drawing.overlay import spoken
from rlvision.watch.html.film_strip import Film
from rlvision.watch.step import Game, Moment, Moments, game_of

Saliency = Callable[[Moment], FloatArray]
"""[H, W] from 0 to 1: how much each pixel of the observation matters to the Q-value of the action taken."""
SUFFIXES = (".html", ".htm")
SALIENCY_SIDE = 42
"""Rows and columns of a saliency map in the page, at most: it is looked at from afar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a page says of its game besides the moments.

    Attributes:
        title: such as ``"Breakout"``.
        note: a line below it.
        fps: the game's pictures per second.
        spec: of the environment.
        crop: the part of the screen that the network sees; None: all.
        saliency: of a moment; None: the page has none.
    """

    title: str
    fps: float
    spec: EnvSpec
    note: str = ""
    crop: Crop | None = None
    saliency: Saliency | None = None


def write_pages(moments: Iterable[Moment], path: Path, about: About) -> list[Game]:
    """Write a page for every game: the first to ``path``, a second to ``path`` with ``-2`` before its suffix.

    Args:
        moments: of a finite number of games, in order.
        path: ends in .html; it appears when the page is complete.
        about: what else the page says.

    Returns:
        The games, in order.

    Raises:
        ConfigError: the suffix is another.
    """
    check_page_path(path)
    games: list[Game] = []
    record = Record(about)
    for moment in moments:
        record.add(moment)
        if moment.last:
            games.append(game_of(moment))
            write_page(record, page_path(path, len(games)))
            record = Record(about)
    return games


def write_page(record: "Record", path: Path) -> Path:
    """Write the page of a game; it appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, record.page().encode())
    return path


def page_path(path: Path, number: int) -> Path:
    """Where the page of game ``number`` (1, 2, ...) goes."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def check_page_path(path: Path) -> None:
    """Refuse what would not be opened as a page, before anything is played.

    Raises:
        ConfigError: the suffix is another.
    """
    if path.suffix.lower() not in SUFFIXES or path.is_dir():
        raise ConfigError(f"expected an HTML file that ends in .html, got {path.name!r}: rename it")


@dataclass(slots=True)
class Record:
    """Collects the moments of one game.

    Args:
        about: what else the page says.
    """

    about: About
    _screens: Film = field(default_factory=Film)
    _sights: Film = field(default_factory=Film)
    _saliency: Film = field(default_factory=lambda: Film(lossless=False))
    _fresh: list[str] = field(default_factory=list)  # per screen shown: "1" a new picture, "0" that before it again
    _rows: list[tuple[int, float, int, int]] = field(default_factory=list)  # action, score, lives or -1, screens
    _q_values: list[float] = field(default_factory=list)
    _before: UInt8Array | None = None
    _game: Moment | None = None

    def add(self, moment: Moment) -> None:
        """The next moment of the game."""
        self._game = moment
        for frame in moment.frames:
            self._show(frame)
        lives = -1 if moment.lives is None else moment.lives
        self._rows.append((moment.action, moment.score, lives, len(moment.frames)))
        self._q_values.extend(_rounded(moment.q_values))
        channels = self.about.spec.frame_channels
        newest = moment.observation[-channels:]  # [c, H, W]
        self._sights.add(newest[0] if channels == 1 else np.ascontiguousarray(newest.transpose(1, 2, 0)))
        if self.about.saliency is not None:
            self._saliency.add(_small(self.about.saliency(moment)))

    def page(self) -> str:
        """The whole file."""
        for film in (self._screens, self._sights, self._saliency):
            film.close()
        parts = {name: files(__package__).joinpath(f"player.{name}").read_text() for name in ("html", "css", "js")}
        filled = {
            "{{title}}": html.escape(self.about.title),
            "{{css}}": parts["css"],
            "{{js}}": parts["js"],
            "{{game}}": json.dumps(self._as_json(), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        }
        return _fill(parts["html"], filled)

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
            "names": [spoken(name) for name in about.spec.action_meanings],
            "stack": about.spec.stack,
            "crop": about.crop,
            "seed": None if game is None else game.seed,
            "over": game is not None and game.over,
            "screens": self._screens.as_json(),
            "sights": self._sights.as_json(),
            "saliency": self._saliency.as_json() if self._saliency.pictures else None,
            "fresh": "".join(self._fresh),
            "shown": screens,
            "actions": actions,
            "scores": scores,
            "lives": lives,
            "q": self._q_values,
        }


@dataclass(frozen=True, slots=True)
class Noted:
    """A game that goes into a page while somebody else looks at it, too.

    Args:
        game: its moments.
        record: takes each of them.
    """

    game: Moments
    record: Record

    @property
    def spec(self) -> EnvSpec:
        """Of the environment."""
        return self.game.spec

    def __iter__(self) -> Iterator[Moment]:
        """The moments, in order."""
        for moment in self.game:
            self.record.add(moment)
            yield moment


def _fill(template: str, values: dict[str, str]) -> str:
    """The template with each name replaced once, whatever the values hold."""
    pieces: Sequence[str] = [template]
    for name, value in values.items():
        pieces = list(chain.from_iterable(_around(piece, name, value) for piece in pieces))
    return "".join(pieces)


def _around(piece: str, name: str, value: str) -> Sequence[str]:
    before, found, after = piece.partition(name)
    return (before, value, after) if found else (piece,)


def _rounded(q_values: FloatArray) -> list[float]:
    """Q-values with five digits; what is not finite, of a network that has diverged, is shown as 0."""
    finite = np.nan_to_num(q_values, nan=0.0, posinf=0.0, neginf=0.0)
    return [float(f"{value:.5g}") for value in finite.tolist()]


def _small(saliency: FloatArray) -> UInt8Array:
    """A map [H, W] from 0 to 1 as a gray picture of at most `SALIENCY_SIDE` rows and columns."""
    height, width = (min(side, SALIENCY_SIDE) for side in saliency.shape)
    gray = np.rint(np.clip(saliency, 0, 1) * 255).astype(np.uint8)
    small = resize(gray[:, :, None], height, width)[:, :, 0]
    return np.asarray(np.rint(small * (255 / max(1, int(small.max())))), dtype=np.uint8)
