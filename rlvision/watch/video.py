"""Writers of videos that browsers can play."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from rlvision.core.errors import ConfigError
from rlvision.core.files import NewFile
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import UInt8Array
from rlvision.watch.gif import Gif

Wide = npt.NDArray[np.uint16]

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.plane import VideoPlane
    from av.video.stream import VideoStream

CODECS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    ".mp4": (
        "libx264",
        {"qp": "20", "preset": "ultrafast", "x264-params": "cabac=1:aq-mode=0:scenecut=0:keyint=600"},
        {"movflags": "+faststart"},
    ),
    ".webm": ("libvpx-vp9", {"crf": "30", "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"}, {}),
}
"""Suffix -> encoder, its options, the container's: H.264 with its index in front, or VP9.

Since little changes from one picture of a game to the next, a constant quantiser gives files as small as x264's
slower presets do.
"""

GIF = ".gif"
SUFFIXES = (*CODECS, GIF)
BT709, LIMITED_RANGE = 1, 1
"""Colour space and range that browsers assume by default, as numbers of ITU-T H.273."""


class Planes:
    """A picture in the encoder's format, changed in place: YUV 4:2:0, BT.709, limited range.

    Converting 900 x 670 pixels takes longer than encoding them, and little of a picture changes. So the game is
    converted at its own size and then enlarged, and the panel is converted only when it has changed.

    The encoder copies its input before it returns, so one frame serves for all pictures.

    Args:
        height: even.
        width: even.

    Attributes:
        frame: the picture.
        planes: views of its memory: Y [H, W], U and V [H/2, W/2].
    """

    def __init__(self, height: int, width: int) -> None:
        import av

        self.frame = av.VideoFrame(width, height, "yuv420p")
        self.planes = [_pixels(plane) for plane in self.frame.planes]
        self._luma, *self._chroma = self.planes
        self._place: tuple[object, ...] = ()  # of the picture pasted last, if nothing has covered it
        self._right = 0  # its right edge
        self._pasted: UInt8Array = self._luma

    def paint(self, picture: UInt8Array, x: int, y: int) -> None:
        """Convert an RGB picture [h, w, 3] and put it at (x, y); all four are even."""
        height, width = picture.shape[:2]
        converted = _convert(picture, "yuv420p")  # [3h/2, w]
        if x < self._right:  # it covers the pasted picture
            self._place = ()
        self._luma[y : y + height, x : x + width] = converted[:height]
        for plane, part in zip(self._chroma, converted[height:].reshape(2, height // 2, width // 2), strict=True):
            plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2] = part

    def paste(self, picture: UInt8Array, x: int, y: int, scale: int) -> None:
        """Convert an RGB picture, enlarge it by ``scale`` and put it at (x, y); place and enlarged size are even.

        Only the rows that differ from the last picture pasted there are converted again.
        """
        place = (x, y, scale, picture.shape)
        band = _changed_rows(self._pasted, picture) if place == self._place else slice(0, len(picture))
        self._place, self._pasted, self._right = place, picture, x + picture.shape[1] * scale
        if band.start < band.stop:
            self._paste(picture[band], x, y + band.start * scale, scale)

    def _paste(self, picture: UInt8Array, x: int, y: int, scale: int) -> None:
        luma, *chroma = _convert(picture, "yuv444p").reshape(3, *picture.shape[:2])
        height, width = picture.shape[0] * scale, picture.shape[1] * scale
        wide = luma.repeat(scale, axis=1)
        for row in range(scale):
            self._luma[y + row : y + height : scale, x : x + width] = wide
        for plane, part in zip(self._chroma, chroma, strict=True):
            plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2] = _halved(part, scale)


def _pixels(plane: "VideoPlane") -> UInt8Array:
    """Return the memory of a plane as an array [h, w]."""
    rows = np.frombuffer(cast("Any", plane), dtype=np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _changed_rows(before: UInt8Array, now: UInt8Array) -> slice:
    """Return the range from the first row that differs to the last, widened to even rows where it can be."""
    rows = np.flatnonzero((before != now).any(axis=(1, 2)))
    if not len(rows):
        return slice(0, 0)
    return slice(int(rows[0]) // 2 * 2, min(len(now), (int(rows[-1]) + 2) // 2 * 2))


def _convert(picture: UInt8Array, pixel_format: str) -> UInt8Array:
    import av

    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    converted = frame.reformat(format=pixel_format, dst_colorspace="ITU709", dst_color_range="MPEG", threads=1)
    return np.asarray(converted.to_ndarray(), dtype=np.uint8)


def _halved(plane: UInt8Array, scale: int) -> UInt8Array:
    """Enlarge a plane [h, w] by ``scale`` and average each 2 x 2 pixels: [h * scale / 2, w * scale / 2]."""
    if scale % 2 == 0:
        return plane.repeat(scale // 2, axis=0).repeat(scale // 2, axis=1)
    rows, columns = (np.arange(0, side * scale, 2) for side in plane.shape)
    tall: Wide = plane[rows // scale].astype(np.uint16) + plane[(rows + 1) // scale]
    return ((tall[:, columns // scale] + tall[:, (columns + 1) // scale] + 2) >> 2).astype(np.uint8)


class Video:
    """A video file that is being written; made by `open_video`.

    Args:
        container: the open file.
        stream: its only stream.
    """

    def __init__(self, container: "OutputContainer", stream: "VideoStream") -> None:
        self._container = container
        self._stream = stream
        self._planes = Planes(stream.height, stream.width)
        self.frames = 0

    def write(self, picture: UInt8Array) -> None:
        """Add one RGB picture [H, W, 3] uint8, of the video's size.

        Raises:
            ConfigError: the picture has another size.
        """
        expected = (self._stream.height, self._stream.width, 3)
        if picture.shape != expected:
            raise ConfigError(f"expected pictures of shape {expected}, got {picture.shape}: give them all one size")
        self.paint(picture, 0, 0)
        self.emit()

    def paint(self, picture: UInt8Array, x: int, y: int) -> None:
        """Replace a part of the next picture by ``picture`` [h, w, 3] at (x, y); all four are even."""
        self._planes.paint(picture, x, y)

    def paste(self, picture: UInt8Array, x: int, y: int, scale: int) -> None:
        """Replace a part by ``picture`` enlarged by ``scale``; place and enlarged size are even."""
        self._planes.paste(picture, x, y, scale)

    def emit(self) -> None:
        """Add the picture in its current state."""
        self._planes.frame.pts = self.frames
        self._container.mux(self._stream.encode(self._planes.frame))
        self.frames += 1

    def flush(self) -> None:
        """Write the pictures that the encoder still holds."""
        self._container.mux(self._stream.encode(None))


@contextmanager
def open_video(path: AnyPath, height: int, width: int, fps: float) -> Iterator[Video | Gif]:
    """Write a video of ``height`` x ``width`` pictures; the file appears when it is complete.

    Args:
        path: ends in .mp4 (H.264), .webm (VP9) or .gif.
        height: of the pictures, even.
        width: of the pictures, even.
        fps: pictures per second.

    Raises:
        ConfigError: the suffix is another, or the size is odd.
    """
    path = as_path(path)
    check_video_path(path)
    if height % 2 or width % 2:
        raise ConfigError(
            f"expected an even height and width, got {height}x{width}: pad the pictures by a row or column"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with NewFile(path) as new:
        with _writer(new, path.suffix.lower(), height, width, fps) as video:
            yield video
            video.flush()
        new.keep(path)


def check_video_path(path: AnyPath) -> None:
    """Refuse a path that `open_video` cannot write, before a game is played.

    Raises:
        ConfigError: the suffix names no format that can be written.
    """
    path = as_path(path)
    if path.suffix.lower() not in SUFFIXES:
        known = f"{', '.join(CODECS)} or {GIF}"
        raise ConfigError(f"expected a video file that ends in {known}, got {path.name!r}: rename it")


def _writer(
    new: NewFile, suffix: str, height: int, width: int, fps: float
) -> AbstractContextManager[Video] | AbstractContextManager[Gif]:
    if suffix == GIF:
        return nullcontext(Gif(new.file, height, width, fps))
    return _encoder(new.path, suffix, height, width, fps)


@contextmanager
def _encoder(path: Path, suffix: str, height: int, width: int, fps: float) -> Iterator[Video]:
    import av

    codec, options, container_options = CODECS[suffix]
    with av.open(path, "w", format=suffix.removeprefix("."), container_options=container_options) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast("VideoStream", container.add_stream(codec, rate=rate, options=options))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        yield Video(container, stream)
