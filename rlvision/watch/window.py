"""Watching in a window."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from types import ModuleType
from typing import Any

from rlvision.core.errors import ConfigError, MissingExtraError
from rlvision.core.types import UInt8Array
from rlvision.watch.controls import HELP, Controls, view
from rlvision.watch.drawing.overlay import Overlay
from rlvision.watch.rollout import Rollout
from rlvision.watch.step import Game, Moment

PAUSE_FPS = 30
"""How often a paused window looks at its keys."""

WITHOUT_DISPLAY = (
    "--terminal draws the game in this terminal, --video=FILE.mp4 writes a video, --html=FILE.html a page, and "
    "rlvision watch RUN --web serves a live one"
)

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
"""Environment variables that lead to the display where there may be none."""


def watch(rollout: Rollout, *, title: str, fps: float) -> list[Game]:
    """Show the rollout's games in a window, at their own speed, until they are over or the viewer leaves.

    Keys: space pauses, s or right takes a single step, + and - change the speed, n goes to the next
    game, o takes the overlay away or brings it back, q or escape quits.

    Args:
        rollout: what is shown.
        title: above the overlay, such as ``"Breakout"``.
        fps: the game's pictures per second.

    Returns:
        The games that were played to their end, in order.

    Raises:
        ConfigError: there is no display.
        MissingExtraError: pygame is not installed.
    """
    require_display()
    moments = iter(rollout)
    opening = next(moments)
    overlay = Overlay.of(opening, title, rollout.spec)
    with _open(title, overlay, fps) as window:
        return view(rollout, chain([opening], moments), window)


def require_display() -> None:
    """Refuse where a window would open nowhere.

    Raises:
        ConfigError: no display is in sight.
    """
    if sys.platform not in ("win32", "darwin") and not any(os.environ.get(name) for name in DISPLAYS):
        raise ConfigError(
            f"expected a display to open a window on, got neither DISPLAY nor WAYLAND_DISPLAY: {WITHOUT_DISPLAY}"
        )


class Window:
    """A pygame window that shows moments at their pace and listens to the keys.

    Args:
        pygame: the module.
        surface: what is drawn on.
        overlay: makes the pictures.
        fps: the game's pictures per second.
    """

    def __init__(self, pygame: ModuleType, surface: Any, overlay: Overlay, fps: float) -> None:
        self._pygame = pygame
        self._surface = surface
        self._overlay = overlay
        self._fps = fps
        self._clock = pygame.time.Clock()
        self._since_drawn = 0
        self.controls = Controls()

    def play(self, moment: Moment) -> None:
        """Show the moment's frames, then hold the last for as long as the viewer pauses."""
        self._overlay.show(moment)
        for frame in moment.frames:
            self._since_drawn += 1
            if self._since_drawn >= self.controls.speed:
                self._draw(self._overlay.picture(frame, self.controls.panel))
                self._clock.tick(self._fps * min(1.0, self.controls.speed))
            self._listen()
            if self.controls.quit:
                return
        while self.controls.holds():
            self._draw(self._overlay.picture(moment.frames[-1], self.controls.panel))
            self._clock.tick(PAUSE_FPS)
            self._listen()

    def _listen(self) -> None:
        for event in self._pygame.event.get():
            if event.type == self._pygame.QUIT:
                self.controls.quit = True
            elif event.type == self._pygame.KEYDOWN:
                typed = event.unicode in ("+", "=", "-")  # wherever the keyboard has them
                self.controls.press(event.unicode if typed else self._pygame.key.name(event.key))

    def _draw(self, picture: UInt8Array) -> None:
        height, width = picture.shape[:2]
        self._surface.blit(self._pygame.image.frombuffer(picture.tobytes(), (width, height), "RGB"), (0, 0))
        self._pygame.display.flip()
        self._since_drawn = 0


@contextmanager
def _open(title: str, overlay: Overlay, fps: float) -> Iterator[Window]:
    """A window for the overlay's pictures, closed in the end."""
    pygame = _import_pygame()
    height, width = overlay.size
    try:
        pygame.display.init()
        surface = pygame.display.set_mode((width, height))
        pygame.display.set_caption(f"{title}   |   {HELP}")
        yield Window(pygame, surface, overlay, fps)
    except pygame.error as error:
        raise ConfigError(f"expected a display to open a window on, got: {error}: {WITHOUT_DISPLAY}") from error
    finally:
        pygame.display.quit()


def _import_pygame() -> ModuleType:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError as error:
        raise MissingExtraError(
            f"expected pygame to open a window, got: {error}. `pip install pygame-ce` brings it"
        ) from error
    return pygame
