"""Stacks of ale-py's screens, which become observations.

::

    no crop     ale-py resizes and stacks              screens [N, stack, H, W(, 3)]  ->  [N, C, H, W]
    crop        ale-py returns whole screens           screens [N, 1, 210, 160(, 3)]  ->  cut, resized, stacked here
"""

from collections.abc import Callable

import numpy as np

from rlvision.core.types import BoolArray, UInt8Array
from rlvision.envs.preprocessing import frame_size, fresh_stack, push_frame, reduce_screen, require_within, to_frame
from rlvision.envs.settings import EnvSettings


class NativeFrames:
    """Frames that ale-py has resized and stacked itself.

    Attributes:
        size: height and width to ask ale-py for.
        stack: frames to ask ale-py for.
    """

    def __init__(self, settings: EnvSettings) -> None:
        self.size, self.stack = frame_size(settings), settings.stack

    def advance(self, screens: UInt8Array, first: BoolArray) -> UInt8Array:
        """Return ale-py's [N, stack, H, W] or [N, stack, H, W, 3] as [N, C, H, W]."""
        if screens.ndim == 4:
            return screens
        num_envs, stack, height, width, channels = screens.shape
        return screens.transpose(0, 1, 4, 2, 3).reshape(num_envs, stack * channels, height, width)

    def replace(self, screens: UInt8Array, mask: BoolArray) -> UInt8Array:
        """Convert the observations as `advance` does; ale-py has reset the masked stacks itself."""
        return self.advance(screens, mask)


class CroppedFrames:
    """Frames cut out of whole screens here, since ale-py cannot crop.

    Attributes:
        size: height and width to ask ale-py for.
        stack: frames to ask ale-py for.

    Raises:
        ConfigError: the screen does not have the part to be cut out.
    """

    def __init__(self, settings: EnvSettings, screen_size: tuple[int, int]) -> None:
        if settings.crop is not None:
            require_within(settings.crop, *screen_size)
        self.size, self.stack = screen_size, 1
        self._settings = settings
        self._stacked: UInt8Array = np.empty(0, dtype=np.uint8)

    def advance(self, screens: UInt8Array, first: BoolArray) -> UInt8Array:
        """Push whole screens [N, 1, H, W] or [N, 1, H, W, 3] onto the stacks: [N, C, H, W]."""
        frames = self._cut(screens)
        self._stacked = push_frame(self._stacked, frames)
        self._stacked[first] = fresh_stack(frames[first], self._settings.stack)
        return self._stacked

    def replace(self, screens: UInt8Array, mask: BoolArray) -> UInt8Array:
        """Begin new stacks for the masked environments, which have been reset; the others stay."""
        fresh = fresh_stack(self._cut(screens), self._settings.stack)
        if mask.all():
            self._stacked = fresh
        else:
            self._stacked = np.where(mask[:, None, None, None], fresh, self._stacked)
        return self._stacked

    def _cut(self, screens: UInt8Array) -> UInt8Array:
        """Return the newest frames [N, c, H, W]."""
        pictures = screens[:, 0, :, :, None] if screens.ndim == 4 else screens[:, 0]  # [N, H, W, 1 or 3]
        return np.stack([to_frame(reduce_screen(picture, self._settings), self._settings) for picture in pictures])


def choose_frames(settings: EnvSettings, screen_size: Callable[[], tuple[int, int]]) -> NativeFrames | CroppedFrames:
    """Choose ale-py's own stacks, which are fastest, unless the screen is cropped."""
    return NativeFrames(settings) if settings.crop is None else CroppedFrames(settings, screen_size())
