"""A viewer of games in a window."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from rlvision.core.errors import ConfigError, MissingExtraError
from rlvision.core.types import EnvSpec, UInt8Array
from rlvision.core.wording import as_written
from rlvision.watch.controls import HELP, Controls
from rlvision.watch.drawing.overlay import Overlay
from rlvision.watch.rollout import RolloutStep

PAUSE_FPS = 30
"""Times per second that a paused window handles its keys."""

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
"""Environment variables that name the display, on systems that may have none."""


@contextmanager
def open_window(title: str, spec: EnvSpec, opening: RolloutStep, fps: float) -> Iterator["Window"]:
    """Open a window as a viewer of games, and close it at the end.

    Keys: space pauses, s or right takes a single step, + and - change the speed, n goes to the next
    game, o hides the overlay or shows it again, q or escape quits.

    Args:
        title: above the overlay, such as ``"Breakout"``.
        spec: of the environment.
        opening: the first step to be shown; its screens set the window's size.
        fps: the game's frames per second.

    Raises:
        ConfigError: there is no display.
        MissingExtraError: pygame is not installed.
    """
    require_display()
    overlay = Overlay.of(opening, title, spec)
    pygame = _import_pygame()
    height, width = overlay.size
    try:
        pygame.display.init()
        surface = pygame.display.set_mode((width, height))
        pygame.display.set_caption(f"{title}   |   {HELP}")
        yield Window(pygame, surface, overlay, fps)
    except pygame.error as error:
        raise ConfigError(f"expected a display to open a window on, got: {error}: {_without_display()}") from error
    finally:
        pygame.display.quit()


def require_display() -> None:
    """Refuse if there is no display for a window.

    Raises:
        ConfigError: no environment variable names a display.
    """
    if sys.platform not in ("win32", "darwin") and not any(os.environ.get(name) for name in DISPLAYS):
        raise ConfigError(
            f"expected a display to open a window on, got neither DISPLAY nor WAYLAND_DISPLAY: {_without_display()}"
        )


class Window:
    """A pygame window that shows steps at the game's speed and handles the keys.

    Args:
        pygame: the module.
        surface: of the window.
        overlay: draws the pictures.
        fps: the game's frames per second.
    """

    def __init__(self, pygame: ModuleType, surface: Any, overlay: Overlay, fps: float) -> None:
        self._pygame = pygame
        self._surface = surface
        self._overlay = overlay
        self._fps = fps
        self._clock = pygame.time.Clock()
        self._since_drawn = 0
        self.controls = Controls()

    def play(self, rollout_step: RolloutStep) -> None:
        """Show the step's frames, then hold the last one while the game is paused."""
        self._overlay.show(rollout_step)
        for frame in rollout_step.frames:
            self._since_drawn += 1
            if self._since_drawn >= self.controls.speed:
                self._draw(self._overlay.picture(frame, self.controls.panel))
                self._clock.tick(self._fps * min(1.0, self.controls.speed))
            self._listen()
            if self.controls.quit:
                return
        while self.controls.should_hold():
            self._draw(self._overlay.picture(rollout_step.frames[-1], self.controls.panel))
            self._clock.tick(PAUSE_FPS)
            self._listen()

    def _listen(self) -> None:
        for event in self._pygame.event.get():
            if event.type == self._pygame.QUIT:
                self.controls.quit = True
            elif event.type == self._pygame.KEYDOWN:
                typed = event.unicode in ("+", "=", "-")  # on any keyboard layout
                self.controls.press(event.unicode if typed else self._pygame.key.name(event.key))

    def _draw(self, picture: UInt8Array) -> None:
        height, width = picture.shape[:2]
        self._surface.blit(self._pygame.image.frombuffer(picture.tobytes(), (width, height), "RGB"), (0, 0))
        self._pygame.display.flip()
        self._since_drawn = 0


def _without_display() -> str:
    """Return the other ways to watch, for a message."""
    return (
        f"{as_written('terminal', True)} draws the game in this terminal, {as_written('video', 'FILE.mp4')} writes a "
        f"video, {as_written('html', 'FILE.html')} a page, and rlvision watch RUN --web serves a live one"
    )


def _import_pygame() -> ModuleType:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError as error:
        raise MissingExtraError(
            f"expected pygame to open a window, got: {error}. `pip install pygame-ce` brings it"
        ) from error
    return pygame
