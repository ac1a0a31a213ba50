"""Preprocessing of screens into observations: read, crop, gray, resize, stack. No other module uses OpenCV.

Screens are [H, W, 3] (RGB) or [H, W, 1]; frames are [c, H, W] with c = 1 (gray) or 3 (colour).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rlvision.core.errors import ConfigError, MissingExtraError
from rlvision.envs.settings import ATARI_FRAMESKIP, FRAME_SIZE, OTHER_FRAMESKIP, Crop, EnvSettings

if TYPE_CHECKING:
    from rlvision.core.types import UInt8Array

try:
    import cv2
except ImportError as error:
    raise MissingExtraError(
        f"expected OpenCV to import, got: {error}. Where a system library is missing: "
        "apt-get install libgl1 libglib2.0-0, or swap: pip uninstall opencv-python; pip install opencv-python-headless"
    ) from error

cv2.setNumThreads(1)  # screens are small: more threads only take the cores from the emulators and the learner

_BGRA_MASKS = (0xFF0000, 0xFF00, 0xFF)  # red, green and blue of a little-endian 32-bit pixel


def require_sizes(settings: EnvSettings) -> None:
    """Refuse an observation without pixels.

    Raises:
        ConfigError: a size or the stack is below 1.
    """
    sizes = *frame_size(settings), settings.stack
    if min(sizes) < 1:
        raise ConfigError(f"expected height, width and stack of at least 1, got {list(sizes)}: raise them")


def frame_size(settings: EnvSettings) -> tuple[int, int]:
    """Return height and width of a frame; `FRAME_SIZE` stands for one that is unset, since no encoder is known here."""
    height, width = (FRAME_SIZE if size is None else size for size in (settings.height, settings.width))
    return height, width


def frames_per_decision(settings: EnvSettings, *, is_atari: bool) -> int:
    """Return the frameskip; the usual one of the kind of world if it is unset."""
    usual = ATARI_FRAMESKIP if is_atari else OTHER_FRAMESKIP
    return usual if settings.frameskip is None else settings.frameskip


def frame_channels(settings: EnvSettings) -> int:
    """Return the number of channels of one frame, c."""
    return 1 if settings.gray else 3


def observation_shape(settings: EnvSettings) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of an observation, C = stack * c."""
    return settings.stack * frame_channels(settings), *frame_size(settings)


def reduce_screen(screen: UInt8Array, settings: EnvSettings) -> UInt8Array:
    """Crop a screen [H, W, 1 or 3] and convert its channels, without resizing it: [H, W, c]."""
    return to_channels(crop(screen, settings.crop), frame_channels(settings))


def to_frame(reduced: UInt8Array, settings: EnvSettings) -> UInt8Array:
    """Resize a reduced screen [H, W, c] to a frame [c, height, width]."""
    return resize(reduced, *frame_size(settings)).transpose(2, 0, 1)


def crop(picture: UInt8Array, part: Crop | None) -> UInt8Array:
    """Return a view of the part (top, bottom, left, right) of a picture [H, W, c].

    Raises:
        ConfigError: the part is not within the picture.
    """
    if part is None:
        return picture
    require_within(part, picture.shape[0], picture.shape[1])
    top, bottom, left, right = part
    return picture[top:bottom, left:right]


def require_within(part: Crop, height: int, width: int) -> None:
    """Refuse a part that is not within a screen of this size.

    Raises:
        ConfigError: the part is empty, or reaches beyond the screen.
    """
    top, bottom, left, right = part
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise ConfigError(
            f"expected env.crop as top, bottom, left, right within a screen of {height} rows and {width} columns, "
            f"got {part}: set a part of the screen, or none for all of it"
        )


def to_channels(picture: UInt8Array, channels: int) -> UInt8Array:
    """Convert [H, W, 1 or 3] to [H, W, channels]: luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), or gray thrice."""
    if picture.shape[2] == channels:
        return picture
    if channels == 1:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)[:, :, None]
    return np.repeat(picture, 3, axis=2)


def resize(picture: UInt8Array, height: int, width: int) -> UInt8Array:
    """Resize [H, W, c] to [height, width, c]; each pixel is the mean of the area it covers (cv2 INTER_AREA)."""
    if picture.shape[:2] == (height, width):
        return picture
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8).reshape(height, width, picture.shape[2])


def fresh_stack(frame: UInt8Array, stack: int) -> UInt8Array:
    """Return the stack [.., stack * c, H, W] at a reset: one frame [.., c, H, W], and zeros before it. ``~~~A``."""
    shape = (*frame.shape[:-3], frame.shape[-3] * stack, *frame.shape[-2:])
    stacked = np.zeros(shape, dtype=np.uint8)
    stacked[..., -frame.shape[-3] :, :, :] = frame
    return stacked


def push_frame(stacked: UInt8Array, frame: UInt8Array) -> UInt8Array:
    """Return a new stack without its oldest frame, ``frame`` [.., c, H, W] the newest. ``~~~A ~~AB ~ABC ABCD``."""
    channels = frame.shape[-3]
    pushed = np.empty_like(stacked)
    pushed[..., :-channels, :, :] = stacked[..., channels:, :, :]
    pushed[..., -channels:, :, :] = frame
    return pushed


@contextmanager
def fast_readback() -> Iterator[None]:
    """Read pygame's surfaces five times as fast as Gymnasium does, inside this context.

    Gymnasium's classic-control and Box2D environments end ``render()`` with
    ``np.array(pygame.surfarray.pixels3d(surface))``. It copies a strided view pixel by pixel: 2 ms of the 2.3 ms that
    rendering CartPole takes. Inside this context ``pixels3d`` returns a copy. Use it only for Gymnasium's own
    environments: they read the surface and never draw through the view.
    """
    surfarray = sys.modules.get("pygame.surfarray")
    if surfarray is None:  # nothing has been drawn yet
        yield
        return
    original = surfarray.pixels3d

    def pixels3d(surface: Any) -> Any:
        pixels = read_surface(surface)
        return original(surface) if pixels is None else pixels

    surfarray.pixels3d = pixels3d  # type: ignore[attr-defined]
    try:
        yield
    finally:
        surfarray.pixels3d = original  # type: ignore[attr-defined]


def read_surface(surface: Any) -> UInt8Array | None:
    """Copy a 32-bit surface as [W, H, 3] RGB, in ``surfarray``'s order; None for any other memory layout."""
    if surface.get_bytesize() != 4 or surface.get_masks()[:3] != _BGRA_MASKS:
        return None
    (width, height), pitch = surface.get_size(), surface.get_pitch()
    rows = np.frombuffer(surface.get_buffer(), dtype=np.uint8).reshape(height, pitch)
    return swap_bgra(rows[:, : 4 * width].reshape(height, width, 4)).transpose(1, 0, 2)


def swap_bgra(picture: UInt8Array) -> UInt8Array:
    """Copy [H, W, 4] in the byte order BGRA of a graphics buffer to [H, W, 3] in RGB."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB), dtype=np.uint8)
