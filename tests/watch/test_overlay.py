from dataclasses import replace

import numpy as np
import pytest

from rlvision.core.types import UInt8Array
from rlvision.watch.drawing import overlay as overlay_module
from rlvision.watch.drawing.overlay import BAR, CHOSEN, FAINT, INK, MARGIN, PANEL, Overlay, input_frames, shown_actions
from rlvision.watch.rollout import RolloutStep

NAMES = ("NOOP", "FIRE", "LEFT", "RIGHT")
RED = np.full((210, 160, 3), (250, 10, 10), dtype=np.uint8)


def rollout_step(q_values: list[float], action: int, *, first: bool = True, lives: int | None = 3) -> RolloutStep:
    rng = np.random.default_rng(0)
    return RolloutStep(
        frames=(RED,),
        observation=rng.integers(40, 60, (4, 84, 84), dtype=np.uint8),
        action=action,
        q_values=np.array(q_values, dtype=np.float32),
        score=12.0,
        length=34,
        lives=lives,
        game=1,
        seed=0,
        first=first,
        last=False,
        over=False,
    )


def overlay(names: tuple[str, ...] = NAMES) -> Overlay:
    return Overlay("Breakout", names, 1, (210, 160))


def pixels(picture: UInt8Array, color: tuple[int, int, int]) -> tuple[list[int], list[int]]:
    """Rows and columns of the panel that have exactly this colour."""
    rows, columns = np.nonzero((picture[:, -PANEL - MARGIN :] == color).all(axis=2))
    return rows.tolist(), columns.tolist()


@pytest.mark.parametrize(("height", "width"), [(210, 160), (400, 600), (64, 64), (801, 1203), (250, 160)])
def test_every_picture_has_the_even_size_that_was_promised(height: int, width: int) -> None:
    drawer = Overlay("game", NAMES, 1, (height, width))
    drawer.show(rollout_step([1, 2, 3, 4], 0))
    for panel in (True, False):
        assert drawer.picture(np.zeros((height, width, 3), dtype=np.uint8), panel).shape == (*drawer.size, 3)
    assert drawer.size[0] % 2 == drawer.size[1] % 2 == 0


@pytest.mark.parametrize("count", [18, 19, 109, 217, 5000])
def test_any_number_of_actions_is_drawn(count: int) -> None:
    """Eighteen have a row; of more, those of the greatest Q-values and the chosen one."""
    step = rollout_step([float(action) for action in range(count)], action=0)
    assert shown_actions(step) == [0, *range(count - 17, count)]
    drawer = overlay(tuple(str(action) for action in range(count)))
    drawer.show(step)
    rows, _ = pixels(drawer.picture(RED), CHOSEN)
    assert rows


def test_the_game_stands_whole_in_its_place_three_times_its_size() -> None:
    drawer = overlay()
    drawer.show(rollout_step([1, 2, 3, 4], 0))
    frame = np.random.default_rng(1).integers(0, 255, (210, 160, 3), dtype=np.uint8)
    picture = drawer.picture(frame)
    assert np.array_equal(picture[MARGIN : MARGIN + 630 : 3, MARGIN : MARGIN + 480 : 3], frame)
    assert np.array_equal(picture[MARGIN + 2 : MARGIN + 630 : 3, MARGIN + 2 : MARGIN + 480 : 3], frame)
    bare = drawer.picture(frame, panel=False)
    assert np.array_equal(bare[MARGIN : MARGIN + 630 : 3, 210:690:3], frame)  # in the middle of 900


def lengths(bars: UInt8Array, color: tuple[int, int, int]) -> set[int]:
    """How many pixels of a colour the rows have, those of the letters in between left out."""
    return {int(count) for count in (bars == color).all(axis=2).sum(axis=1) if count > 20}


def test_bars_reach_from_the_mean_to_either_side() -> None:
    drawer = overlay()
    drawer.show(rollout_step([1.0, 2.0, 3.0, 6.0], 3))  # mean 3: -2, -1, 0, +3
    picture = drawer.picture(RED)
    bars = picture[:, -PANEL - MARGIN + 116 : -PANEL - MARGIN + 284]  # 84 columns to either side
    assert lengths(bars, CHOSEN) == {84 - 1}  # the line in the middle lies over its first column
    assert lengths(bars, FAINT) == {56, 28}


def test_the_chosen_action_is_marked_and_a_better_one_shows() -> None:
    drawer = overlay()
    drawer.show(rollout_step([1.0, 2.0, 3.0, 6.0], 3))
    greedy = drawer.picture(RED)
    drawer.show(rollout_step([1.0, 2.0, 3.0, 6.0], 0))
    random = drawer.picture(RED)
    assert BAR not in {tuple(color) for color in greedy[:, 500:].reshape(-1, 3).tolist()}
    assert len(pixels(random, BAR)[0]) > 1000
    assert np.mean(pixels(greedy, CHOSEN)[1]) > np.mean(pixels(random, CHOSEN)[1])


def test_lives_are_counted_where_there_are_any() -> None:
    def dots(lives: int | None) -> int:
        drawer = overlay()
        drawer.show(rollout_step([1, 2, 3, 4], 0, lives=lives))
        card = drawer.picture(RED)[MARGIN + 40 + 36 : MARGIN + 40 + 51, -PANEL - MARGIN + 130 : -PANEL - MARGIN + 212]
        middle = (card[7] == INK).all(axis=1)
        return int(np.count_nonzero(np.diff(middle.astype(int)) == 1))

    assert [dots(lives) for lives in (None, 0, 1, 3, 5)] == [0, 0, 1, 3, 5]


def end_of_curve(picture: UInt8Array) -> int:
    """The right end of the dot where the value curve ends."""
    box = picture[MARGIN + 290 : -MARGIN - 130, -PANEL - MARGIN : -MARGIN - 70]
    return int(np.nonzero((box == INK).all(axis=2))[1].max())


def test_the_value_curve_grows_and_starts_anew_with_the_game() -> None:
    drawer = overlay()

    def reach(value: float, first: bool) -> int:
        drawer.show(rollout_step([value, 0, 0, 0], 0, first=first))
        return end_of_curve(drawer.picture(RED))

    ends = [reach(1.0, True)] + [reach(1.0 + index % 3, False) for index in range(1, 100)]
    assert ends == sorted(ends)
    assert ends[-1] - ends[0] == 99 * 287 // 239
    assert reach(1.0, True) == ends[0]


def test_the_network_sees_its_frames_from_the_oldest_to_the_newest() -> None:
    drawer = overlay()
    seen = rollout_step([1, 2, 3, 4], 0)
    drawer.show(seen)
    strip = drawer.picture(RED)[-MARGIN - 84 : -MARGIN, -PANEL - MARGIN : -MARGIN]
    for place, frame in enumerate(seen.observation):
        tile = strip[:, place * 92 : place * 92 + 84]
        assert np.array_equal(tile, np.repeat(frame[:, :, None], 3, axis=2))


def test_input_frames_of_gray_and_colour_stacks() -> None:
    stack = np.arange(6 * 2 * 2, dtype=np.uint8).reshape(6, 2, 2)
    gray, colour = input_frames(stack, 1), input_frames(stack, 3)
    assert len(gray) == 6
    assert gray[1][0, 1].tolist() == [5, 5, 5]
    assert len(colour) == 2
    assert colour[1][0, 0].tolist() == [12, 16, 20]


@pytest.mark.parametrize("stack", [1, 2, 4, 12])
def test_any_number_of_actions_and_frames_finds_room(stack: int) -> None:
    names = tuple(f"A_LONG_NAME_FOR_ACTION_{index}" for index in range(18))
    drawer = overlay(names)
    many = replace(
        rollout_step([float(index) for index in range(18)], 5),
        observation=np.zeros((stack, 60, 84), dtype=np.uint8),
        score=-1234567.5,
    )
    drawer.show(many)
    picture = drawer.picture(RED)
    ground = picture[0, 0]
    assert (picture[:MARGIN] == ground).all()
    assert (picture[-MARGIN:] == ground).all()
    assert (picture[:, -MARGIN:] == ground).all()
    assert (picture[:, MARGIN + 480 : -PANEL - MARGIN] == ground).all()


def test_a_network_that_has_diverged_can_still_be_watched() -> None:
    drawer = overlay()
    drawer.show(rollout_step([float("nan"), float("inf"), -float("inf"), 8.0], 3))
    bars = drawer.picture(RED)[:, -PANEL - MARGIN + 116 : -PANEL - MARGIN + 284]
    assert lengths(bars, CHOSEN) == {84 - 1}  # 0, 0, 0, 8: the mean is 2, the chosen 6 above, the others 2 below
    assert lengths(bars, FAINT) == {28}


def test_an_illegal_action_has_no_bar_and_its_word(monkeypatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(overlay_module, "write", lambda panel, text, *how: written.append(text))
    drawer = overlay()
    drawer.show(rollout_step([-3.0, -float("inf"), -1.0, -float("inf")], 2))
    bars = drawer.picture(RED)[:, -PANEL - MARGIN + 116 : -PANEL - MARGIN + 284]
    assert lengths(bars, CHOSEN) == {84 - 1}  # 1 above the mean of the two
    assert lengths(bars, FAINT) == {84}
    assert written.count("illegal") == 2
    assert "-1.000" in written  # the value is that of the best legal action


@pytest.mark.parametrize(
    ("title", "written", "size"),
    [
        ("Breakout", "Breakout", 22),
        ("CartPole-v1  quick-seed1", "CartPole-v1  quick-seed1", 18),
        ("pong  " + 40 * "m", "pong  mm", 13),
    ],
)
def test_a_long_title_is_made_smaller_before_it_is_cut(monkeypatch, title: str, written: str, size: int) -> None:
    sizes: dict[str, int] = {}
    monkeypatch.setattr(
        "rlvision.watch.drawing.overlay.write", lambda panel, text, x, y, size, *_: sizes.update({text: size})
    )
    Overlay(title, NAMES, 1, (210, 160)).show(rollout_step([1.0, 2.0, 3.0, 6.0], 3))
    assert {(text[: len(written)], size) for text, size in sizes.items() if text.startswith(written)} == {
        (written, size)
    }
