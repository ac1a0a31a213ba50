"""How a screen becomes an observation: crop, gray, resize, stack. The only module that knows OpenCV.

Screens come as [H, W, 3] (RGB), [H, W, 1] or [H, W]; frames leave as [c, H, W] with c = 1 (gray) or 3 (colour).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rlvision.core.errors import ConfigError, EnvError, MissingExtraError

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

Crop = tuple[int, int, int, int]
"""The part of the screen to keep: rows top to bottom, columns left to right, the ends excluded."""


@dataclass(frozen=True, slots=True)
class View:
    """How a screen becomes an observation; ``height`` or ``width`` None keeps the size of the (cropped) screen.

    Raises:
        ConfigError: if a size or the stack is below 1.
    """

    height: int | None = 84
    width: int | None = 84
    crop: Crop | None = None
    gray: bool = True
    stack: int = 4

    def __post_init__(self) -> None:
        sizes = [size for size in (self.height, self.width, self.stack) if size is not None]
        if min(sizes) < 1:
            raise ConfigError(f"expected height, width and stack of at least 1, got {sizes}: raise them")

    @property
    def channels(self) -> int:
        """Channels of one frame, c."""
        return 1 if self.gray else 3

    def frame_size(self, screen_height: int, screen_width: int) -> tuple[int, int]:
        """Height and width of the frame that a screen of this size becomes."""
        top, bottom, left, right = self.crop or (0, screen_height, 0, screen_width)
        _expect_within((top, bottom, left, right), screen_height, screen_width)
        return self.height or bottom - top, self.width or right - left

    def observation_shape(self, screen_height: int, screen_width: int) -> tuple[int, int, int]:
        """(C, H, W), C = stack * c."""
        return (self.stack * self.channels, *self.frame_size(screen_height, screen_width))


def check_screen(screen: UInt8Array) -> UInt8Array:
    """The screen as [H, W, 1] or [H, W, 3].

    Raises:
        EnvError: if it is not a uint8 picture.
    """
    picture = np.asarray(screen)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3):
        raise EnvError(
            f"expected a uint8 picture [H, W, 3], [H, W, 1] or [H, W], got {picture.dtype} {list(picture.shape)}: "
            "let the environment return or render one"
        )
    return picture


def crop(picture: UInt8Array, part: Crop | None) -> UInt8Array:
    """A view of the part (top, bottom, left, right) of a picture [H, W, c].

    Raises:
        ConfigError: if the picture does not have that part.
    """
    if part is None:
        return picture
    _expect_within(part, picture.shape[0], picture.shape[1])
    top, bottom, left, right = part
    return picture[top:bottom, left:right]


def _expect_within(part: Crop, height: int, width: int) -> None:
    top, bottom, left, right = part
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise ConfigError(
            f"expected env.crop as top, bottom, left, right within a screen of {height} rows and {width} columns, "
            f"got {part}: set a part of the screen, or none for all of it"
        )


def to_channels(picture: UInt8Array, channels: int) -> UInt8Array:
    """[H, W, 1 or 3] as [H, W, channels]: luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), or gray thrice."""
    if picture.shape[2] == channels:
        return picture
    if channels == 1:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)[:, :, None]
    return np.repeat(picture, 3, axis=2)


def resize(picture: UInt8Array, height: int, width: int) -> UInt8Array:
    """[H, W, c] as [height, width, c], each pixel the mean of the area it covers (cv2 INTER_AREA)."""
    if picture.shape[:2] == (height, width):
        return picture
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8).reshape(height, width, picture.shape[2])


def reduce_screen(screen: UInt8Array, view: View) -> UInt8Array:
    """The part of a screen that is seen, in the channels it is seen in, still at its own size: [H, W, c]."""
    return to_channels(crop(check_screen(screen), view.crop), view.channels)


def to_frame(reduced: UInt8Array, view: View) -> UInt8Array:
    """A reduced screen [H, W, c] as a frame [c, height, width]."""
    height, width = view.height or reduced.shape[0], view.width or reduced.shape[1]
    return resize(reduced, height, width).transpose(2, 0, 1)


def fresh_stack(frame: UInt8Array, stack: int) -> UInt8Array:
    """The stack [.., stack * c, H, W] at a reset: one frame [.., c, H, W], and zeros before it. ``~~~A``."""
    shape = (*frame.shape[:-3], frame.shape[-3] * stack, *frame.shape[-2:])
    stacked = np.zeros(shape, dtype=np.uint8)
    stacked[..., -frame.shape[-3] :, :, :] = frame
    return stacked


def push_frame(stacked: UInt8Array, frame: UInt8Array) -> UInt8Array:
    """A new stack: the oldest frame leaves, ``frame`` [.., c, H, W] enters as the newest. ``~~~A ~~AB ~ABC ABCD``."""
    channels = frame.shape[-3]
    pushed = np.empty_like(stacked)
    pushed[..., :-channels, :, :] = stacked[..., channels:, :, :]
    pushed[..., -channels:, :, :] = frame
    return pushed


def swap_bgra(picture: UInt8Array) -> UInt8Array:
    """[H, W, 4] in the byte order of a graphics buffer as a new [H, W, 3] in RGB."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB), dtype=np.uint8)
