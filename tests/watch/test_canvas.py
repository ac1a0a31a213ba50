import numpy as np
import pytest

from rlvision.core.types import UInt8Array
from rlvision.watch.drawing.canvas import (
    LINE,
    Align,
    blend,
    curve,
    disc,
    fill,
    fit,
    paste,
    text_width,
    write,
)

WHITE = (255, 255, 255)


def black(height: int, width: int) -> UInt8Array:
    return np.zeros((height, width, 3), dtype=np.uint8)


def test_blending_goes_from_the_ground_to_the_colour() -> None:
    part = np.full((1, 3, 3), 100, dtype=np.uint8)
    blend(part, np.array([[0.0, 0.5, 1.0]], dtype=np.float32), (200, 0, 100))
    assert part[0].tolist() == [[100, 100, 100], [150, 50, 100], [200, 0, 100]]


def test_a_filled_rectangle_covers_its_pixels_alone() -> None:
    canvas = black(6, 8)
    fill(canvas, 2, 1, 3, 4, WHITE)
    expected = black(6, 8)
    expected[1:5, 2:5] = 255
    assert np.array_equal(canvas, expected)


def test_pasting_makes_squares_of_pixels() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    canvas = black(9, 8)
    paste(canvas, picture, 1, 2, 3)
    for row, column in np.ndindex(2, 2):
        square = canvas[2 + 3 * row : 5 + 3 * row, 1 + 3 * column : 4 + 3 * column]
        assert np.array_equal(square, np.broadcast_to(picture[row, column], (3, 3, 3)))
    assert canvas[:2].sum() == canvas[8:].sum() == canvas[:, 7:].sum() == canvas[:, :1].sum() == 0


def test_a_disc_has_its_area_and_its_middle() -> None:
    canvas = black(40, 40)
    disc(canvas, 20, 15, 8, WHITE)
    cover = canvas[:, :, 0] / 255
    assert cover.sum() == pytest.approx(np.pi * 8**2, rel=0.02)
    assert np.average(np.arange(40), weights=cover.sum(axis=1)) == pytest.approx(15, abs=0.01)
    assert np.average(np.arange(40), weights=cover.sum(axis=0)) == pytest.approx(20, abs=0.01)


def crest(box: UInt8Array) -> list[int]:
    """The brightest row of each column: where the line is."""
    return [int(row) for row in box[:, :, 0].argmax(axis=0)]


def test_a_curve_goes_through_its_values_from_the_bottom_to_the_top() -> None:
    box = black(41, 5)
    assert curve(box, [0.0, 1.0, 2.0, 3.0, 4.0], 5, WHITE) == (4, 0)
    assert crest(box)[0] > 30
    assert crest(box)[-1] == 0
    assert (box[:, :, 0].max(axis=0) == 255).all()


def test_a_curve_leaves_room_for_what_is_to_come() -> None:
    box = black(21, 101)
    assert curve(box, [1.0, 1.0], 11, WHITE) == (10, 10)  # two of eleven places, in the middle
    assert crest(box)[:11] == [10] * 11
    assert not box[:, 11:].any()
    assert box[:, 5, 0].sum() / 255 == pytest.approx(
        LINE + 0.16 * (10 - LINE / 2), abs=0.15
    )  # the line, and its tint below


def test_a_steep_curve_has_no_gaps() -> None:
    box = black(100, 9)
    curve(box, [0.0, 1.0, 0.0, 1.0, 0.0], 5, WHITE)
    bright = box[:, :, 0] > 200
    for left, right in zip(range(8), range(1, 9), strict=True):
        rows_left, rows_right = np.flatnonzero(bright[:, left]), np.flatnonzero(bright[:, right])
        assert rows_left.min() <= rows_right.max() + 1
        assert rows_right.min() <= rows_left.max() + 1


def test_a_curve_of_one_value_is_a_point_in_the_middle() -> None:
    assert curve(black(21, 50), [3.5], 10, WHITE) == (0, 10)


def inked(canvas: UInt8Array) -> tuple[int, int, int, int]:
    """Rows and columns between which there is ink."""
    rows, columns = np.nonzero(canvas.any(axis=2))
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def test_text_stands_on_its_baseline_where_it_is_aligned() -> None:
    width = text_width("HELLO", 20)
    aligned: list[tuple[Align, int]] = [("left", 100), ("center", 100 - width // 2), ("right", 100 - width)]
    for align, left in aligned:
        canvas = black(40, 200)
        write(canvas, "HELLO", 100, 30, 20, WHITE, align)
        top, bottom, first, last = inked(canvas)
        assert (top, bottom) == pytest.approx((16, 29), abs=1)
        assert first >= left
        assert last < left + width
        assert last - first > width - 6


def test_text_beyond_the_edge_is_cut_off() -> None:
    whole = black(60, 200)
    write(whole, "clipped", 100, 30, 20, WHITE)
    cut = black(25, 120)
    write(cut, "clipped", 100, 30, 20, WHITE)
    assert np.array_equal(cut, whole[:25, :120])
    write(cut, "nowhere", 500, 30, 20, WHITE)
    write(cut, "nowhere", -500, 30, 20, WHITE)
    assert np.array_equal(cut, whole[:25, :120])


def test_text_that_is_too_wide_ends_in_an_ellipsis() -> None:
    assert fit("short", 14, 500) == "short"
    cut = fit("a rather long title", 14, 80)
    assert cut.endswith("…")
    assert "a rather long title".startswith(cut[:-1])
    assert text_width(cut, 14) <= 80 < text_width(cut[:-1] + "xx…", 14)
