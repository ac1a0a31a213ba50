import numpy as np
import pytest

from rlvision.core.types import UInt8Array
from rlvision.watch.terminal.cells import Cells, Depth, Painter, color_depth, to_codes
from tests.watch.terminal.conftest import Emulator

BLACK, RED = (0, 0, 0), (255, 0, 0)


def colors(*values: tuple[int, int, int]) -> UInt8Array:
    return np.array(values, dtype=np.uint8)


def test_colours_as_numbers() -> None:
    assert to_codes(colors((1, 2, 3), (255, 255, 255)), "truecolor").tolist() == [0x010203, 0xFFFFFF]
    cube = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (95, 135, 175)]
    assert to_codes(colors(*cube), "256").tolist() == [16, 196, 46, 21, 231, 16 + 36 + 2 * 6 + 3]
    assert to_codes(colors((8, 8, 8), (128, 128, 128), (238, 238, 238)), "256").tolist() == [232, 244, 255]


@pytest.mark.parametrize(
    ("environment", "depth"),
    [
        ({"COLORTERM": "truecolor", "TERM": "xterm"}, "truecolor"),
        ({"COLORTERM": "24bit"}, "truecolor"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "xterm-256color"}, "256"),
        ({}, "256"),
    ],
)
def test_the_terminal_says_how_many_colours_it_has(environment: dict[str, str], depth: Depth) -> None:
    assert color_depth(environment) == depth


def random_cells(rng: np.random.Generator, rows: int, columns: int) -> Cells:
    """A picture of few colours with some text over it."""
    cells = Cells(rows, columns, BLACK)
    palette = rng.integers(0, 256, (3, 3), dtype=np.uint8)
    cells.paste(0, 0, palette[rng.integers(0, 3, (2 * rows, columns))])
    cells.write(int(rng.integers(rows)), int(rng.integers(columns)), "score 12 ●", (9, 8, 7), (1, 2, 3))
    cells.write(int(rng.integers(rows)), int(rng.integers(columns)), "no ground of its own", (200, 8, 7))
    return cells


def seen(emulator: Emulator) -> dict[tuple[int, int], tuple[str, ...]]:
    """What can be told apart by eye: a blank has no ink."""
    return {place: cell if cell[0] != " " else (" ", cell[2]) for place, cell in emulator.cells.items()}


@pytest.mark.parametrize("depth", ["truecolor", "256"])
def test_a_terminal_that_gets_only_the_changes_shows_what_one_shows_that_gets_all(depth: Depth) -> None:
    rng = np.random.default_rng(0)
    painter, terminal = Painter(depth), Emulator(9, 23)
    cells = random_cells(rng, 9, 23)
    for turn in range(30):
        if turn % 3 == 0:
            cells = random_cells(rng, 9, 23)
        else:  # a few cells change, some of them to the same
            cells.paste(int(rng.integers(8)), int(rng.integers(20)), rng.integers(0, 256, (2, 3, 3), dtype=np.uint8))
        terminal.feed(painter.changes(cells))
        fresh = Emulator(9, 23)
        fresh.feed(Painter(depth).changes(cells))
        assert seen(terminal) == seen(fresh)


def test_letters_and_pixels_arrive_where_they_were_put() -> None:
    cells, terminal = Cells(3, 8, BLACK), Emulator(3, 8)
    cells.paste(1, 2, colors(RED, (0, 0, 255)).reshape(2, 1, 3))
    cells.write(0, 5, "cut off", (1, 2, 3))
    cells.write(2, -1, "outside", RED)
    cells.write(7, 0, "outside", RED)
    terminal.feed(Painter("truecolor").changes(cells))
    assert terminal.lines() == ["     cut", "  ▀     ", " " * 8]
    assert terminal.cells[1, 2] == ("▀", "[2, 255, 0, 0]", "[2, 0, 0, 255]")
    assert terminal.cells[0, 5] == ("c", "[2, 1, 2, 3]", "[2, 0, 0, 0]")


def test_nothing_changed_is_nothing_sent_and_one_cell_is_a_few_bytes() -> None:
    rng = np.random.default_rng(1)
    painter, cells = Painter("truecolor"), random_cells(rng, 40, 100)
    whole = painter.changes(cells)
    assert len(whole) > 40 * 100
    assert painter.changes(cells) == ""
    cells.paste(5, 5, rng.integers(0, 256, (2, 1, 3), dtype=np.uint8))
    assert len(painter.changes(cells)) < 80


def test_another_size_is_drawn_anew() -> None:
    painter = Painter("256")
    painter.changes(Cells(10, 20, RED))
    terminal = Emulator(12, 30)
    terminal.feed(painter.changes(Cells(12, 30, RED)))
    assert {cell[2] for cell in terminal.cells.values()} == {"[5, 196]"}
