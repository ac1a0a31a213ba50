"""The picture of what DN sees: one game at both sizes, and the shaded part is what has no gradient."""

from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "network.md"


def test_both_frames_are_of_one_moment():
    from studies.seen import frame

    large, small = frame(84), frame(77)
    assert (large.shape, small.shape) == ((84, 84), (77, 77))
    assert large.std() > 20
    places = (np.arange(77) + 0.5) * 84 / 77
    nearest = large[places.astype(int)][:, places.astype(int)]
    assert np.abs(nearest.astype(int) - small).mean() < 5


def test_what_is_shaded_is_what_dn_does_not_see():
    from studies import seen

    class Axes:
        parts: list[tuple[float, ...]] = []  # noqa: RUF012

        def add_patch(self, part):
            self.parts.append((*part.get_xy(), part.get_width(), part.get_height()))

        def imshow(self, *_, **__): ...
        def set(self, **_): ...
        def set_title(self, title):
            assert title == "84x84 pixels: DN sees 77x77"

    seen.draw(Axes(), 84)
    assert sum(width * height for *_, width, height in Axes.parts) == 84 * 84 - 77 * 77
    assert sorted(Axes.parts) == [(0, 77, 77, 7), (77, 0, 7, 84)]


def test_the_picture_is_drawn_and_on_the_page(tmp_path):
    from studies import seen

    seen.main(tmp_path / "seen.png")
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    assert "(seen.png)" in PAGE.read_text()
    assert (PAGE.parent / "seen.png").exists()
