"""GIFs, read again by another library."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from rlvision.core.errors import ConfigError
from rlvision.core.types import UInt8Array
from rlvision.watch.video import open_video


def picture(square: int) -> UInt8Array:
    """A grey field with a bright square at one of its columns."""
    field = np.full((48, 80, 3), 40, dtype=np.uint8)
    field[8:16, 8 * square : 8 * square + 8] = (200, 72, 72)
    return field


def read(path: Path) -> tuple[list[UInt8Array], list[int]]:
    """The pictures and their times in milliseconds."""
    with Image.open(path) as image:
        assert (image.format, image.info["loop"]) == ("GIF", 0)
        frames = [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
    return [frame for frame, _ in frames], [int(time) for _, time in frames]


@pytest.mark.parametrize(("fps", "every", "times"), [(10, 1, [100]), (15, 1, [60, 70]), (50, 2, [40]), (60, 3, [50])])
def test_pictures_come_back_at_their_times(tmp_path: Path, fps: int, every: int, times: list[int]) -> None:
    path = tmp_path / "new" / "game.GIF"
    with open_video(path, 48, 80, fps) as video:
        for square in range(9):
            video.write(picture(square))
    frames, shown = read(path)
    wanted = [picture(square) for square in range(0, 9, every)]
    assert all(np.array_equal(*pair) for pair in zip(frames, wanted, strict=False))
    assert len(frames) == len(wanted) + (8 % every > 0)  # the last picture is always there
    assert set(shown[: 9 // every]) <= set(times)
    assert sum(shown) == pytest.approx(9 / fps * 1000, abs=1000 / fps * every)
    assert np.array_equal(frames[-1], picture(8))


def test_what_does_not_change_takes_no_room(tmp_path: Path) -> None:
    for name, pictures in {"one": [0], "still": [0] * 30, "moving": [*range(8)] * 4}.items():
        with open_video(tmp_path / f"{name}.gif", 48, 80, 20) as video:
            for square in pictures:
                video.write(picture(square))
    assert (tmp_path / "one.gif").stat().st_size == (tmp_path / "still.gif").stat().st_size
    assert read(tmp_path / "still.gif")[1] == [1500]
    assert len(read(tmp_path / "moving.gif")[0]) == 32


def test_parts_are_pasted_enlarged(tmp_path: Path) -> None:
    with open_video(tmp_path / "game.gif", 48, 80, 20) as video:
        video.paint(picture(0), 0, 0)
        video.paste(np.full((2, 3, 3), 250, dtype=np.uint8), 10, 20, 4)
        video.emit()
    expected = picture(0)
    expected[20:28, 10:22] = 250
    assert np.array_equal(read(tmp_path / "game.gif")[0][0], expected)


def test_pictures_have_one_size(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one size"), open_video(tmp_path / "game.gif", 48, 80, 20) as video:
        video.write(picture(0)[:40])
    assert list(tmp_path.iterdir()) == []
