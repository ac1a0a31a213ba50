"""Find the picture in an observation space, and read it from observations as [H, W, 1] or [H, W, 3] uint8.

::

    observation space                       picture
    uint8 [H, W], [H, W, 1], [H, W, 3]      as it is
    [1, H, W], [3, H, W]                    transposed
    numbers with one range                  scaled to 0..255
    [H, W, 4] with a constant alpha         without its alpha
    two channels                            composed: red, and cyan
    bool planes [H, W, n], or 0 and 1       composed: each plane in a colour and a gray of its own
    one of these in a Dict or a Tuple       that entry; of several, the one that ``env.image_key`` names

What could be several things is refused with its dtype and shape, since an agent that sees the wrong one learns nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, MultiBinary, Space

from rlvision.core.errors import ConfigError, EnvError, describe_value
from rlvision.envs.planes import compose_planes, plane_axis

if TYPE_CHECKING:
    from rlvision.core.types import UInt8Array

MIN_PICTURE_SIDE = 24
"""Smallest side in pixels of what can only be a picture; smaller arrays may be boards or features."""
MIN_BOARD_SIDE = 8
"""Smallest side of numbers with a range in [H, W, C]."""
LEAST_COLOURS = 32
"""Integers with fewer values are symbols."""
MOST_PLANES = 32
"""Most planes that can be told apart in one picture."""
RENDER = "render"
"""The ``env.image_key`` that asks for ``render()`` even if the observation is a picture."""
WRAPPER = "wrap it in gymnasium.wrappers.TransformObservation, into a picture in a Box(0, 255, (H, W, 3), uint8)"


class PictureView:
    """The picture in the observations of one environment.

    Args:
        space: of the picture.
        path: keys that lead to it, through Dicts and Tuples.
        who: name of the environment.
    """

    def __init__(self, space: Space[Any], path: tuple[str, ...], who: str) -> None:
        self.shape, self.dtype = tuple(space.shape or ()), np.dtype(space.dtype)
        self.path, self._who = path, who
        self.low, self.high = value_range(space)
        self.is_binary = self.dtype == np.bool_ or (self.dtype.kind in "iu" and (self.low, self.high) == (0, 1))
        self.axis = plane_axis(self.shape) if self.is_binary else channel_axis(self.shape)
        self._is_scaled = (self.low, self.high) != (0, 255) and math.isfinite(self.high)
        self._is_as_it_is = self.dtype == np.uint8 and not self._is_scaled
        self.channels = 1 if len(self.shape) == 2 else self.shape[self.axis]
        self._has_alpha: bool | None = None  # not known before the first observation

    def __call__(self, observed: object) -> UInt8Array:
        """Return the picture of an observation, [H, W, 1] or [H, W, 3].

        Raises:
            EnvError: the observation is not as its space says, or its four channels may be four frames.
        """
        array = self._checked(_entry(observed, self.path))
        if len(self.shape) == 2:
            array = array[:, :, None]
        elif self.axis == 0:
            array = array.transpose(1, 2, 0)
        self._check_range(array)
        if self.is_binary:
            return compose_planes(array.astype(np.bool_))
        picture = self._scaled(array)
        if self.channels == 2:
            return np.ascontiguousarray(picture[:, :, [0, 1, 1]])
        return self._without_alpha(picture) if self.channels == 4 else picture

    def describe(self) -> str:
        """Return one line about what is seen, and how it was made."""
        entry = f"{'.'.join(self.path)} of its observation" if self.path else "its observation"
        return ", ".join([f"{entry} ({self.dtype} {list(self.shape)})", *self._steps()])

    def _steps(self) -> Iterator[str]:
        if self.axis == 0 and len(self.shape) == 3:
            yield "transposed from channel-first"
        if self.is_binary:
            yield "one plane" if self.channels == 1 else f"{self.channels} planes composed into one picture"
        elif self._is_scaled:
            yield f"scaled from {self.low:g}..{self.high:g}"
        if not self.is_binary and self.channels in (2, 4):
            yield "without its alpha" if self.channels == 4 else "two channels as red and cyan"

    def _checked(self, value: Any) -> np.ndarray[Any, Any]:
        """Return an array, a tensor or a nested list as an array of the space's shape and kind of numbers."""
        if isinstance(value, list | tuple):
            array = np.asarray(value, dtype=self.dtype)
        else:
            array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if array.shape != self.shape or array.dtype.kind != self.dtype.kind:
            raise EnvError(
                f"expected an observation {self.dtype} {list(self.shape)}, as the environment's observation_space "
                f"says, got {describe_value(value)}: fix one of them"
            )
        return array

    def _check_range(self, array: np.ndarray[Any, Any]) -> None:
        if not self._is_as_it_is and not (self.low <= array.min() and array.max() <= self.high):
            raise EnvError(
                f"expected observations from {self.low:g} to {self.high:g}, as the environment's observation_space "
                f"says, got {array.min():g} to {array.max():g}: fix one of them"
            )

    def _scaled(self, array: np.ndarray[Any, Any]) -> UInt8Array:
        """Return values from ``low`` to ``high`` as 0 to 255."""
        if self._is_as_it_is:
            return np.asarray(array, dtype=np.uint8)
        unit = (array.astype(np.float32) - self.low) / (self.high - self.low)
        return np.asarray(np.rint(unit * 255), dtype=np.uint8)

    def _without_alpha(self, picture: UInt8Array) -> UInt8Array:
        """Return the colours of a picture [H, W, 4] with one alpha, which frames of a game never have."""
        if self._has_alpha is None:
            alpha = picture[:, :, 3]
            self._has_alpha = bool(alpha.min() == alpha.max() > 0)
        if not self._has_alpha:
            raise stacked(self.dtype, self.shape, self._who)
        return np.ascontiguousarray(picture[:, :, :3])


def find_view(space: object, who: str, key: str | None, can_render: bool) -> PictureView | None:
    """Return the view of the picture in an observation space, or None where ``render()`` must be seen.

    Args:
        space: of the observations.
        who: name of the environment, for errors.
        key: ``env.image_key``.
        can_render: whether the environment renders; then grids of symbols, MiniGrid's say, are no pictures.

    Raises:
        ConfigError: ``key`` names no picture, or there are several and no key.
        EnvError: the observation is a picture that could be several things.
    """
    leaves = dict(_leaves(space))
    if key is not None:
        return _named(leaves, who, key)
    found = {
        path: leaf for path, leaf in leaves.items() if is_picture(leaf) and not (can_render and _of_symbols(path, leaf))
    }
    if len(found) > 1:
        names = ", ".join(".".join(path) for path in found)
        raise ConfigError(f"expected one picture in the observation of {who}, got {names}: set env.image_key to one")
    if not found:
        require_no_picture(space, who)
        return None
    ((path, leaf),) = found.items()
    return PictureView(leaf, path, who)


def small_pictures(space: object) -> list[str]:
    """Return the keys of the small grids in a Dict, which are seen only if ``env.image_key`` names one."""
    return [".".join(path) for path, leaf in _leaves(space) if path and is_picture(leaf) and _of_symbols(path, leaf)]


def is_picture(space: object) -> bool:
    """Return whether a space can be read as one picture."""
    if not isinstance(space, Box | MultiBinary) or len(space.shape) not in (2, 3):
        return False
    shape, dtype, (low, high) = space.shape, np.dtype(space.dtype), value_range(space)
    if dtype == np.bool_ or (dtype.kind in "iu" and (low, high) == (0, 1)):
        return len(shape) == 2 or shape[plane_axis(shape)] <= MOST_PLANES
    sides = sorted(shape)[-2:]
    if stacks_frames(shape):
        return False
    if dtype == np.uint8:
        return len(shape) == 2 or shape[channel_axis(shape)] in (1, 3) or min(sides) >= MIN_PICTURE_SIDE
    has_colours = dtype.kind == "f" or (low == 0 and high >= 255)
    least = MIN_BOARD_SIDE if len(shape) == 3 and has_colours else MIN_PICTURE_SIDE
    return math.isfinite(low) and math.isfinite(high) and min(sides) >= least


def require_no_picture(space: object, who: str) -> None:
    """Refuse a picture that cannot be read, where ``render()`` would be seen in its place.

    Raises:
        EnvError: the observations are several pictures, or one whose values have no range.
    """
    if not isinstance(space, Box) or len(space.shape) not in (3, 4) or sorted(space.shape)[-2] < MIN_PICTURE_SIDE:
        return
    low, high = value_range(space)
    if stacks_frames(space.shape):
        raise stacked(space.dtype, space.shape, who)
    raise EnvError(
        f"expected a picture with values from 0 to 255, 0 to 1 or another range, got {space.dtype} "
        f"{list(space.shape)} from {low:g} to {high:g} as observation_space of {who}: {WRAPPER}; or set "
        f"env.image_key={RENDER} for its render()"
    )


def stacks_frames(shape: tuple[int, ...]) -> bool:
    """Return whether a shape can only be that of several pictures: over four channels, or four before the sides."""
    if len(shape) != 3:
        return len(shape) > 3
    axis = channel_axis(shape)
    return shape[axis] > 4 or (shape[axis] == 4 and axis == 0)


def stacked(dtype: object, shape: tuple[int, ...], who: str) -> EnvError:
    """Return the error for observations that may be several frames, since rlvision stacks the frames."""
    return EnvError(
        f"expected one picture [H, W, 3], [H, W, 1] or [H, W] as an observation, got {dtype} {list(shape)} "
        f"from {who}, which stacks its frames itself: leave its stacking out, and set env.stack; or {WRAPPER}"
    )


def channel_axis(shape: tuple[int, ...]) -> int:
    """Return the axis of the channels of a picture, 0 or 2: colours or gray before pairs and alpha, last before first.

    Other shapes, and [H, W], have 2 or the axis of the smaller number.
    """
    if len(shape) != 3:
        return len(shape) - 1
    for counts in ((1, 3), (2, 4)):
        for axis in (2, 0):
            if shape[axis] in counts:
                return axis
    return 0 if shape[0] < shape[2] else 2


def value_range(space: object) -> tuple[float, float]:
    """Return the lowest and highest value of a space, infinite where they differ between pixels."""
    if isinstance(space, MultiBinary):
        return 0.0, 1.0
    if not isinstance(space, Box) or space.low.size == 0:
        return -np.inf, np.inf
    low, high = float(space.low.flat[0]), float(space.high.flat[0])
    uniform = bool((space.low == space.low.flat[0]).all() and (space.high == space.high.flat[0]).all())
    return (low, high) if uniform and low < high else (-np.inf, np.inf)


def describe_space(space: object) -> str:
    """Return the kind of a space, with the shape and dtype of numbers: ``Dict(image: Box[7, 7, 3] uint8)``."""
    kind = type(space).__name__
    if isinstance(space, gymnasium.spaces.Dict):
        return f"{kind}({', '.join(f'{key}: {describe_space(inner)}' for key, inner in space.spaces.items())})"
    if isinstance(space, gymnasium.spaces.Tuple):
        return f"{kind}({', '.join(map(describe_space, space.spaces))})"
    return f"{kind}{list(space.shape)} {np.dtype(space.dtype)}" if isinstance(space, Box | MultiBinary) else kind


def _leaves(space: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Space[Any]]]:
    """Yield the spaces inside Dicts and Tuples with the keys that lead to them."""
    if isinstance(space, gymnasium.spaces.Dict):
        for key, inner in space.spaces.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(space, gymnasium.spaces.Tuple):
        for index, inner in enumerate(space.spaces):
            yield from _leaves(inner, (*path, str(index)))
    elif isinstance(space, Space):
        yield path, space


def _named(leaves: Mapping[tuple[str, ...], Space[Any]], who: str, key: str) -> PictureView | None:
    """Return the view of the entry that ``env.image_key`` names."""
    found = {".".join(path): (path, leaf) for path, leaf in leaves.items() if path and is_picture(leaf)}
    if key in found:
        path, leaf = found[key]
        return PictureView(leaf, path, who)
    if key == RENDER:
        return None
    names = ", ".join([*found, RENDER])
    raise ConfigError(f"expected env.image_key to name a picture in the observation of {who} ({names}), got {key!r}")


def _of_symbols(path: tuple[str, ...], space: Space[Any]) -> bool:
    """Return whether an integer grid may hold symbols in place of colours: few values, or a small one in a Dict."""
    low, high = value_range(space)
    if np.dtype(space.dtype).kind not in "iu" or (low, high) == (0, 1):
        return False
    return high - low + 1 < LEAST_COLOURS or (bool(path) and sorted(space.shape or (0, 0))[-2] < MIN_PICTURE_SIDE)


def _entry(observed: Any, path: tuple[str, ...]) -> Any:
    """Return the entry of a Dict's or a Tuple's observation."""
    for key in path:
        try:
            observed = observed[key] if isinstance(observed, Mapping) else observed[int(key)]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise EnvError(
                f"expected the entry {'.'.join(path)} in an observation, as the environment's observation_space says, "
                f"got {describe_value(observed)}: fix one of them"
            ) from error
    return observed
