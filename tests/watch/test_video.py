from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rlvision.core.errors import ConfigError
from rlvision.core.types import UInt8Array
from rlvision.watch.video import Planes, check_video_path, open_video

COLORS = [(200, 72, 72), (72, 160, 72), (66, 72, 200), (255, 255, 255), (0, 0, 0)]


def flag(first: int) -> UInt8Array:
    """Five stripes of 16 columns, the colours moved on by ``first``."""
    colors = [COLORS[(first + stripe) % 5] for stripe in range(5)]
    return np.repeat(np.array([colors], dtype=np.uint8), 48, axis=0).repeat(16, axis=1)  # [48, 80, 3]


def decoded(path: Path) -> list[UInt8Array]:
    with av.open(path) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8) for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".MP4"])
def test_every_frame_comes_back_in_its_colours(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"game{suffix}"
    with open_video(path, 48, 80, 60) as video:
        for first in range(10):
            video.write(flag(first))
    frames = decoded(path)
    assert len(frames) == video.frames == 10
    for first, frame in enumerate(frames):
        assert frame.shape == (48, 80, 3)
        middles = slice(8, 80, 16)
        difference = frame[24, middles].astype(int) - flag(first)[24, middles]
        assert np.abs(difference).max() <= 12


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".webm", "vp9")])
def test_the_format_is_one_that_browsers_play(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"game{suffix}"
    with open_video(path, 48, 80, 30) as video:
        video.write(flag(0))
    with av.open(path) as container:
        [stream] = container.streams.video
        assert (stream.codec_context.name, stream.pix_fmt, str(stream.average_rate)) == (codec, "yuv420p", "30")
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)  # BT.709, limited
    if suffix == ".mp4":
        content = path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")  # plays before it is loaded


def test_a_video_appears_when_it_is_complete_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "game.mp4"
    path.write_bytes(b"the one before")

    def interrupted() -> None:
        with open_video(path, 48, 80, 60) as video:
            video.write(flag(0))
            assert path.read_bytes() == b"the one before"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [file.name for file in tmp_path.iterdir()] == ["game.mp4"]
    assert path.read_bytes() == b"the one before"


def test_other_suffixes_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name in ("game.avi", "game"):
        with pytest.raises(ConfigError, match=rf"ends in \.mp4, \.webm or \.gif, got '{name}'"):
            check_video_path(tmp_path / name)
    with pytest.raises(ConfigError, match=r"ends in"), open_video(tmp_path / "new" / "game.png", 48, 80, 60):
        pass
    assert not (tmp_path / "new").exists()


def test_sizes_that_h264_cannot_hold_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="even height and width, got 49x80"),
        open_video(tmp_path / "g.mp4", 49, 80, 60),
    ):
        pass
    with (
        pytest.raises(ConfigError, match=r"shape \(48, 80, 3\), got \(48, 82, 3\)"),
        open_video(tmp_path / "g.mp4", 48, 80, 60) as video,
    ):
        video.write(np.zeros((48, 82, 3), dtype=np.uint8))
    assert list(tmp_path.iterdir()) == []


def bt709(picture: UInt8Array) -> list[Any]:
    """Y [h, w], Cb and Cr [h/2, w/2] of an RGB picture, limited range, by the formulas of ITU-R BT.709."""
    red, green, blue = np.moveaxis(picture.astype(float) / 255, 2, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = [128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748]
    height, width = luma.shape
    halved = [plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for plane in chroma]
    return [16 + 219 * luma, *halved]


@pytest.mark.parametrize(("scale", "size"), [(3, (22, 16)), (2, (21, 15)), (4, (9, 7)), (1, (22, 16))])
def test_what_is_pasted_in_place_has_the_colours_of_the_formula_whatever_was_there(
    scale: int, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(scale)
    height, width = size[0] * scale, size[1] * scale
    planes = Planes(height + 8, width + 60)
    game = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    for turn in range(12):
        game = game.copy()
        if turn % 3:  # rows change; else nothing does
            top = int(rng.integers(size[0]))
            game[top : top + turn % 3 * 2 - 1] = rng.integers(0, 256, (size[1], 3), dtype=np.uint8)
        if turn == 6:  # all of it is painted over
            planes.paint(np.full((height + 8, width + 60, 3), 99, dtype=np.uint8), 0, 0)
        planes.paint(np.full((height + 8, 40, 3), turn, dtype=np.uint8), width + 10, 0)  # beside it
        planes.paste(game, 4, 4, scale)
        expected = bt709(game.repeat(scale, axis=0).repeat(scale, axis=1))
        for plane, right, share in zip(planes.planes, expected, (1, 2, 2), strict=True):
            place = slice(4 // share, (4 + height) // share), slice(4 // share, (4 + width) // share)
            assert np.abs(plane[place] - right).max() <= 1.6  # of 255: swscale rounds, and so does the mean
        assert np.ptp(planes.planes[0][:, width + 10 : width + 50]) == 0
