from dataclasses import replace

import numpy as np
import pytest

from rlvision.watch.controls import Controls
from rlvision.watch.drawing.overlay import ValueTrace
from rlvision.watch.rollout import RolloutStep
from rlvision.watch.terminal.cells import Cells, Painter
from rlvision.watch.terminal.viewer import BARS, NAME, PANEL, TerminalLayout

SCREEN = np.full((210, 160, 3), (200, 30, 10), dtype=np.uint8)
NAMES = ("NOOP", "FIRE", "UPRIGHTFIRE", "LEFT")


@pytest.fixture
def rollout_step(counting_rollout):
    def _rollout_step(q_values: tuple[float, ...], action: int = 2) -> RolloutStep:
        [first, *_] = counting_rollout(5)
        q = np.array(q_values, dtype=np.float32)
        return replace(first, q_values=q, action=action, score=12.5, length=1234, lives=3, frames=(SCREEN,))

    return _rollout_step


def page(
    rows: int, columns: int, shown: RolloutStep, controls: Controls | None = None, names: tuple[str, ...] = NAMES
) -> Cells:
    value_trace = ValueTrace(len(names))
    value_trace.add(shown)
    return TerminalLayout("Breakout", names).cells((rows, columns), shown, SCREEN, value_trace, controls or Controls())


def lines(cells: Cells) -> list[str]:
    return ["".join(map(chr, row)) for row in cells.letters.tolist()]


def test_the_panel_says_what_there_is_to_say(rollout_step) -> None:
    text = "\n".join(lines(page(32, 110, rollout_step((0.0, 1.0, 4.0, -1.0)))))
    for words in (
        "Breakout",
        "game 1  decision 1,234",
        "SCORE 12.5",
        "LIVES ●●●",
        "ACTION UP RIGHT FIRE",
        "paused"[:0],
    ):
        assert words in text
    for name, value in (("NOOP", "0.000"), ("FIRE", "1.000"), ("UP RIGHT FIRE", "4.000"), ("LEFT", "-1.000")):
        assert any(name in line and line.rstrip().endswith(value) for line in text.splitlines())
    assert any("VALUE" in line and line.rstrip().endswith("4.000") for line in text.splitlines())


def test_bars_reach_from_the_mean_to_either_side_in_eighths(rollout_step) -> None:
    cells = page(32, 110, rollout_step((0.0, 1.0, 4.0, -1.0)))  # mean 1: -1, 0, +3, -2
    left = next(line.index("NOOP") for line in lines(cells) if "NOOP" in line)
    rows = {
        name: next(i for i, line in enumerate(lines(cells)) if line[left:].startswith(name))
        for name in ("NOOP", "LEFT")
    }
    bar = left + NAME
    whole = {row: [tuple(ground) for ground in cells.grounds[row, bar : bar + BARS].tolist()] for row in range(6, 10)}
    card = whole[7][0]
    assert whole[7] == [card] * BARS  # 0 above the mean
    assert [ground != card for ground in whole[8]] == [False] * 8 + [True] * 8  # +3 of 3
    assert [ground != card for ground in whole[rows["LEFT"]]] == [False] * 2 + [True] * 6 + [
        False
    ] * 8  # -2/3 of 64: 42.7
    letters = lines(cells)[rows["NOOP"]][bar : bar + BARS]  # -1/3 of 64 eighths: 21, two cells and five eighths
    assert letters == " " * 5 + "▍" + " " * 10


def test_the_game_is_as_large_as_fits_with_its_shape_kept(rollout_step) -> None:
    for rows, columns in ((24, 80), (50, 200), (20, 70), (60, 66)):
        cells = page(rows, columns, rollout_step((0.0, 1.0, 4.0, -1.0)))
        drawn = np.argwhere((cells.inks == SCREEN[0, 0]).all(axis=2) & (cells.letters == ord("▀")))
        height, width = drawn.max(axis=0) + 1
        assert width <= columns - PANEL - 2
        assert height <= rows - 1
        assert width / (2 * height) == pytest.approx(160 / 210, rel=0.06)
        assert height == rows - 1 or width >= columns - PANEL - 4


@pytest.mark.parametrize("panel", [True, False])
def test_any_size_can_be_drawn_with_any_number_of_actions(panel: bool, rollout_step) -> None:
    names = tuple(f"A_LONG_NAME_FOR_ACTION_{index}" for index in range(18))
    shown = rollout_step(tuple(float(index) for index in range(18)), action=17)
    for rows in (1, 2, 7, 8, 12, 24, 90):
        for columns in (1, 19, 20, 63, 64, 80, 300):
            cells = page(rows, columns, shown, Controls(panel=panel, speed_index=6), names)
            assert cells.size == (rows, columns)
            assert Painter("256").changes(cells)


def test_where_there_is_no_room_for_all_actions_the_best_are_shown(rollout_step) -> None:
    names = tuple(f"A{index}" for index in range(18))
    text = "\n".join(
        lines(page(14, 100, rollout_step(tuple(float(index % 9) for index in range(18)), 17), names=names))
    )
    shown = [index for index in range(18) if f"A{index} " in text]
    assert len(shown) == 7
    assert {index % 9 for index in shown} == {8, 7, 6, 5}


def test_the_overlay_off_and_a_narrow_terminal_leave_the_game_and_a_line(rollout_step) -> None:
    for cells in (
        page(24, 80, rollout_step((0.0, 1.0, 4.0, -1.0)), Controls(panel=False)),
        page(24, 60, rollout_step((0.0,) * 4)),
    ):
        text = lines(cells)
        assert not any("Q-VALUES" in line for line in text)
        assert text[-1].startswith("score 12.5   UP RIGHT FIRE")


def test_the_foot_has_room_for_the_pace(rollout_step) -> None:
    for columns in (64, 70, 110):
        for controls, word in ((Controls(paused=True), "paused"), (Controls(speed_index=5), "x4")):
            foot = lines(page(24, columns, rollout_step((0.0,) * 4), controls))[-1]
            assert foot.rstrip().endswith(f" {word}")


def test_a_network_that_has_diverged_can_still_be_watched(rollout_step) -> None:
    text = "\n".join(lines(page(32, 110, rollout_step((float("nan"), float("inf"), 1.0, 2.0)))))
    assert "nan" in text
    assert "2.000" in text


def test_an_illegal_action_has_its_word_and_is_no_value(rollout_step) -> None:
    text = "\n".join(lines(page(32, 110, rollout_step((-float("inf"), -3.0, -1.0, -float("inf"))))))
    assert text.count("illegal") == 2
    assert "-1.000" in next(line for line in text.splitlines() if "VALUE " in line)
