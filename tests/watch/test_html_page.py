"""A game as one HTML file: what is in it, and what a browser makes of it."""

import base64
import io
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rlvision.core.errors import ConfigError
from rlvision.core.types import FloatArray, UInt8Array
from rlvision.watch.assets.page_parts import SCRIPTS, PageParts
from rlvision.watch.html.film_strip import SpriteSheet
from rlvision.watch.html.page import PageMeta, page_path, write_pages
from rlvision.watch.rollout import RolloutStep
from rlvision.watch.web import server
from tests.watch.conftest import SIZE


def film_back(sprite_sheet: dict[str, Any]) -> list[UInt8Array]:
    """The pictures of a film [H, W, 3], as a browser would cut them out."""
    pictures: list[UInt8Array] = []
    for strip in sprite_sheet["strips"]:
        developed = np.asarray(Image.open(io.BytesIO(base64.b64decode(strip))).convert("RGB"), dtype=np.uint8)
        pictures += np.split(developed, len(developed) // sprite_sheet["height"])
    return pictures


def game_in(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found
    game: dict[str, Any] = json.loads(found[1])
    return game


SCREEN = """window.screenAsShown = () => {
    const context = Object.assign(document.createElement("canvas"), { width: 256, height: 256 }).getContext("2d");
    context.imageSmoothingEnabled = false;
    for (const id of ["picture", "heat"]) context.drawImage(document.getElementById(id), 0, 0, 256, 256);
    return context;
}"""
"""Draws the screen as the page shows it: the picture, and the saliency map above it."""


@pytest.fixture
def about(counting_rollout):
    def _about(**settings: Any) -> PageMeta:
        return PageMeta(**{"title": "Counting", "fps": 30.0, "spec": counting_rollout(3).spec} | settings)

    return _about


def corner(rollout_step: RolloutStep) -> FloatArray:
    """Only the upper left quarter matters, the more the later."""
    saliency = np.zeros((SIZE, SIZE), dtype=np.float32)
    saliency[: SIZE // 2, : SIZE // 2] = 1.0
    return saliency


def test_pictures_come_back_bit_for_bit_from_strips() -> None:
    rng = np.random.default_rng(0)
    for shape, lossless_shape in (((21, 16, 3), (21, 16, 3)), ((40, 30), (40, 30, 3))):
        pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(150)]
        sprite_sheet = SpriteSheet()
        for picture in pictures:
            sprite_sheet.add(picture)
        sprite_sheet.close()
        assert len(sprite_sheet.strips) == 3  # 64, 64 and 22
        for picture, back in zip(pictures, film_back(sprite_sheet.as_json()), strict=True):
            expected = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
            assert np.array_equal(back, expected.reshape(lossless_shape))


def test_large_pictures_make_short_strips_for_compressing_takes_memory() -> None:
    sprite_sheet = SpriteSheet()
    for _ in range(12):
        sprite_sheet.add(np.zeros((400, 600, 3), np.uint8))
    assert (sprite_sheet.per_strip, len(sprite_sheet.strips)) == (5, 2)  # of 3.6 MB, and two pictures wait


def test_tall_pictures_make_strips_that_webp_can_hold() -> None:
    sprite_sheet = SpriteSheet()
    for _ in range(5):
        sprite_sheet.add(np.zeros((6000, 2), dtype=np.uint8))
    sprite_sheet.close()
    assert len(sprite_sheet.strips) == 3


def test_the_page_holds_the_game(tmp_path: Path, counting_rollout, about) -> None:
    path = tmp_path / "new" / "game.html"
    [game] = write_pages(
        counting_rollout(5, seed=4), path, about(saliency=corner, crop=(0, 32, 0, 32), note="a </script> b")
    )
    rollout_steps = list(counting_rollout(5, seed=4))
    held = game_in(path)
    assert (held["seed"], held["over"], held["note"]) == (game.seed, True, "a </script> b")
    assert held["actions"] == [rollout_step.action for rollout_step in rollout_steps]
    assert held["scores"] == [rollout_step.score for rollout_step in rollout_steps]
    np.testing.assert_allclose(np.reshape(held["q"], (5, 3)), [rollout_step.q_values for rollout_step in rollout_steps])
    shown = [frame for rollout_step in rollout_steps for frame in rollout_step.frames]
    assert held["shown"] == [2, 1, 1, 1, 1]
    assert held["fresh"] == "1" * len(shown)
    np.testing.assert_array_equal(film_back(held["screens"]), shown)
    inputs = [picture[:, :, 0] for picture in film_back(held["inputs"])]
    np.testing.assert_array_equal(inputs, [rollout_step.observation[-1] for rollout_step in rollout_steps])
    [heat, *_] = film_back(held["saliency"])
    assert heat[:12, :12].min() > 200
    assert heat[20:, 20:].max() < 40


def test_a_screen_that_stays_is_kept_once(tmp_path: Path, counting_rollout, about) -> None:
    def still() -> Any:
        for rollout_step in counting_rollout(3):
            yield RolloutStep(
                **{name: getattr(rollout_step, name) for name in RolloutStep.__slots__}
                | {"frames": (rollout_step.frames[0],) * 4}
            )

    write_pages(still(), tmp_path / "still.html", about())
    held = game_in(tmp_path / "still.html")
    assert held["shown"] == [4, 4, 4]
    assert held["fresh"] == "100010001000"[: len(held["fresh"])]
    assert len(film_back(held["screens"])) == held["fresh"].count("1")
    assert held["saliency"] is None


def test_every_game_has_a_page_of_its_own(tmp_path: Path, counting_rollout, about) -> None:
    path = tmp_path / "games.html"
    games = write_pages(counting_rollout(3, 5, games=2), path, about())
    assert [len(game_in(page_path(path, number))["actions"]) for number in (1, 2)] == [game.length for game in games]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["games-2.html", "games.html"]


def test_a_network_that_has_diverged_makes_a_page(tmp_path: Path, counting_rollout, about) -> None:
    def divergence_error() -> Any:
        for rollout_step in counting_rollout(3):
            q = np.array([np.nan, np.inf, 2.0], dtype=np.float32)
            yield RolloutStep(**{name: getattr(rollout_step, name) for name in RolloutStep.__slots__} | {"q_values": q})

    write_pages(divergence_error(), tmp_path / "nan.html", about())
    assert game_in(tmp_path / "nan.html")["q"] == [0.0, 0.0, 2.0] * 3


def test_an_illegal_action_has_no_q_value_on_a_page(tmp_path: Path, counting_rollout, about) -> None:
    q = np.array([-np.inf, -3.0, 2.0], dtype=np.float32)
    (rollout_step,) = counting_rollout(1)
    write_pages([replace(rollout_step, q_values=q)], tmp_path / "masked.html", about())
    assert game_in(tmp_path / "masked.html")["q"] == [None, -3.0, 2.0]


def test_nothing_in_the_page_comes_from_elsewhere(tmp_path: Path, counting_rollout, about) -> None:
    write_pages(counting_rollout(3), tmp_path / "x.html", about(title="<b>&"))
    text = tmp_path.joinpath("x.html").read_text()
    assert not re.search(r"https?://|src=|@import|url\(", text)
    assert "<title>&lt;b&gt;&amp;</title>" in text


def test_a_title_that_looks_like_a_placeholder_stays_as_it_is(tmp_path: Path, counting_rollout, about) -> None:
    write_pages(counting_rollout(3), tmp_path / "x.html", about(title="{{css}}", note="{{js}} {{decision}}"))
    text = tmp_path.joinpath("x.html").read_text()
    assert "<title>{{css}}</title>" in text
    assert game_in(tmp_path / "x.html")["note"] == "{{js}} {{decision}}"


def test_this_page_and_the_live_one_share_their_drawing(tmp_path: Path, counting_rollout, about) -> None:
    write_pages(counting_rollout(3), tmp_path / "x.html", about())
    live = PageParts.load("rlvision.watch.web", "page.html", "page.css", server.SCRIPTS).page()
    assets = files("rlvision.watch.assets")
    for name in ("base.css", "decision.html", *SCRIPTS):
        shared = assets.joinpath(name).read_text()
        assert shared in tmp_path.joinpath("x.html").read_text()
        assert shared in live


@pytest.mark.parametrize("name", ["game.txt", "game", "game.mp4"])
def test_another_suffix_is_refused_before_anything_is_played(tmp_path: Path, name: str, about) -> None:
    with pytest.raises(ConfigError, match=r"expected an HTML file that ends in \.html"):
        write_pages(iter(()), tmp_path / name, about())


def test_a_browser_plays_the_page(tmp_path: Path, chromium, counting_rollout, about) -> None:
    path = tmp_path / "game.html"
    rollout_steps = list(counting_rollout(80, seed=4))
    write_pages(rollout_steps, path, about(title="A <game>", saliency=corner))
    tab = chromium.open(path.as_uri())
    pixel = "[...screenAsShown().getImageData({}, {}, 1, 1).data].slice(0, 3)"

    def shows(index: int) -> None:
        """The last screen of a decision, its number and what was thought."""
        rollout_step = rollout_steps[index]
        tab.wait(f"document.getElementById('place').textContent === '{index + 1} / 80'")
        for row, column in ((0, 7), (9, 20), (31, 31)):
            x, y = 8 * column + 4, 8 * row + 4  # 32 pixels are enlarged to 256
            color = json.dumps(rollout_step.frames[-1][row, column].tolist(), separators=(",", ":"))
            tab.wait(f"JSON.stringify({pixel.format(x, y)}) === '{color}'")
        q = tab.run("[...document.querySelectorAll('#q-values .number')].map(cell => cell.textContent)")
        assert q == [f"{value:.3f}" for value in rollout_step.q_values]
        assert tab.run("document.querySelectorAll('#q-values li.chosen').length") == 1
        assert (
            tab.run("[...document.querySelectorAll('#q-values li')].findIndex(row => row.classList.contains('chosen'))")
            == rollout_step.action
        )

    def slide(index: int) -> None:
        tab.run(
            f"(s => {{ s.value = {index}; s.dispatchEvent(new Event('input')) }})(document.getElementById('scrub'))"
        )

    tab.wait("document.getElementById('title').textContent === 'A <game>'")
    tab.run(SCREEN)
    for index in (79, 0, 64, 63):  # over the borders of strips, in any order
        slide(index)
        shows(index)
    tab.press("ArrowRight")
    shows(64)
    tab.press("ArrowLeft")
    shows(63)
    tab.run("document.getElementById('speed').value = '8'")
    tab.click("#play")
    tab.wait("document.getElementById('play').textContent === 'Play'")  # it has come to the end and stopped
    shows(79)
    slide(40)
    shows(40)
    tab.click("#saliency")
    lit, dark = f"{pixel.format(40, 40)}", f"{pixel.format(240, 240)}"
    tab.wait(f"{lit}[0] > 200 && {dark}[0] <= 128")
    seen = "document.querySelectorAll('#stack canvas').length"
    assert tab.run(seen) == 2
    assert tab.run("performance.getEntriesByType('resource').length") == 0  # nothing was fetched
    tab.close()
