"""Videos that browsers play."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rlvision.errors import ConfigError
from rlvision.types import UInt8Array

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

CODECS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    ".mp4": ("libx264", {"crf": "18", "preset": "superfast"}, {"movflags": "+faststart"}),
    ".webm": ("libvpx-vp9", {"crf": "30", "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"}, {}),
}
"""Suffix -> encoder, its options, the container's: H.264 with its index in front, or VP9."""

BT709, LIMITED_RANGE = 1, 1
"""What browsers assume of a video that does not say it, by the numbers of ITU-T H.273."""


class Video:
    """A video being written; made by `open_video`.

    Args:
        container: the open file.
        stream: its only stream.
    """

    def __init__(self, container: "OutputContainer", stream: "VideoStream") -> None:
        self._container = container
        self._stream = stream
        self.frames = 0

    def write(self, picture: UInt8Array) -> None:
        """Add one RGB picture [H, W, 3] uint8, of the video's size.

        Raises:
            ConfigError: the picture is of another size.
        """
        import av

        expected = (self._stream.height, self._stream.width, 3)
        if picture.shape != expected:
            raise ConfigError(f"expected pictures of shape {expected}, got {picture.shape}: give them all one size")
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=1)
        frame.pts = self.frames
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def flush(self) -> None:
        """Hand over what the encoder still holds."""
        self._container.mux(self._stream.encode(None))


@contextmanager
def open_video(path: Path, height: int, width: int, fps: float) -> Iterator[Video]:
    """Write a video of ``height`` x ``width`` pictures; it appears under its name when it is complete.

    Args:
        path: ends in .mp4 (H.264) or .webm (VP9).
        height: of the pictures, even.
        width: of the pictures, even.
        fps: pictures per second.

    Raises:
        ConfigError: another suffix, or an odd size.
    """
    check_video_path(path)
    if height % 2 or width % 2:
        raise ConfigError(
            f"expected an even height and width, got {height}x{width}: pad the pictures by a row or column"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        with _encoder(beside, height, width, fps) as video:
            yield video
            video.flush()
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def check_video_path(path: Path) -> None:
    """Refuse what `open_video` could not write, before anything is played.

    Raises:
        ConfigError: the suffix names no format that is written here.
    """
    if path.suffix.lower() not in CODECS:
        raise ConfigError(f"expected a video file that ends in {' or '.join(CODECS)}, got {path.name!r}: rename it")


@contextmanager
def _encoder(path: Path, height: int, width: int, fps: float) -> Iterator[Video]:
    import av

    codec, options, container_options = CODECS[path.suffix.lower()]
    with av.open(path, "w", container_options=container_options) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast("VideoStream", container.add_stream(codec, rate=rate, options=options))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        yield Video(container, stream)
