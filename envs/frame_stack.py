"""From ale-py's screens to stacked frames."""

from collections.abc import Callable

import numpy as np

from rlvision.core.types import BoolArray, UInt8Array
from rlvision.envs.preprocessing import View, fresh_stack, push_frame, reduce_screen, to_frame


class NativeFrames:
    """Frames that ale-py has resized and stacked itself.

    Attributes:
        size: what to ask ale-py for.
        stack: what to ask ale-py for.
        frame_size: of the frames of an observation.
    """

    def __init__(self, size: tuple[int, int], stack: int) -> None:
        self.size, self.stack, self.frame_size = size, stack, size

    def advance(self, screens: UInt8Array, first: BoolArray) -> UInt8Array:
        """ale-py's [N, stack, H, W] or [N, stack, H, W, 3] as [N, C, H, W]."""
        if screens.ndim == 4:
            return screens
        num_envs, stack, height, width, channels = screens.shape
        return screens.transpose(0, 1, 4, 2, 3).reshape(num_envs, stack * channels, height, width)

    def replace(self, screens: UInt8Array, mask: BoolArray) -> UInt8Array:
        """The same after a reset of the masked environments."""
        return self.advance(screens, mask)


class CroppedFrames:
    """Frames cut out of whole screens here, since ale-py cannot crop.

    Attributes:
        size: what to ask ale-py for.
        stack: what to ask ale-py for.
        frame_size: of the frames of an observation.
    """

    def __init__(self, view: View, screen_size: tuple[int, int]) -> None:
        self.size, self.stack, self.frame_size = screen_size, 1, view.frame_size(*screen_size)
        self._view = view
        self._stacked: UInt8Array = np.empty(0, dtype=np.uint8)

    def advance(self, screens: UInt8Array, first: BoolArray) -> UInt8Array:
        """Whole screens [N, 1, H, W] or [N, 1, H, W, 3] pushed onto the stacks: [N, C, H, W]."""
        frames = self._cut(screens)
        self._stacked = push_frame(self._stacked, frames)
        self._stacked[first] = fresh_stack(frames[first], self._view.stack)
        return self._stacked

    def replace(self, screens: UInt8Array, mask: BoolArray) -> UInt8Array:
        """New stacks of the masked environments, after their reset; the others stay."""
        fresh = fresh_stack(self._cut(screens), self._view.stack)
        if mask.all():
            self._stacked = fresh
        else:
            self._stacked = np.where(mask[:, None, None, None], fresh, self._stacked)
        return self._stacked

    def _cut(self, screens: UInt8Array) -> UInt8Array:
        return np.stack([to_frame(reduce_screen(screen, self._view), self._view) for screen in screens[:, 0]])


def choose_frames(view: View, screen_size: Callable[[], tuple[int, int]]) -> NativeFrames | CroppedFrames:
    """The native way, unless the screen is to be cropped."""
    if view.crop is not None:
        return CroppedFrames(view, screen_size())
    if view.height is None or view.width is None:
        return NativeFrames(view.frame_size(*screen_size()), view.stack)
    return NativeFrames((view.height, view.width), view.stack)
