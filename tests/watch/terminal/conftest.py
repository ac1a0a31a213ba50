"""A terminal to test with: understands what the watcher sends, and nothing else."""

import re

SEQUENCE = re.compile(r"\x1b\[(\?)?([0-9;]*)([A-Za-z])|(.)", re.DOTALL)
GROUND = ("default", "default")


class Emulator:
    """Cells of (letter, ink, ground), as a terminal would show them."""

    def __init__(self, rows: int, columns: int) -> None:
        self.modes: set[int] = set()
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        self.size, self.cursor, self.pen = (rows, columns), (0, 0), GROUND
        self.cells = {(row, column): (" ", *GROUND) for row in range(rows) for column in range(columns)}

    def feed(self, text: str) -> None:
        for private, numbers, command, letter in SEQUENCE.findall(text):
            if letter:
                assert letter >= " ", f"a control character: {letter!r}"
                assert self.cursor in self.cells, f"{letter!r} written outside, at {self.cursor}"
                self.cells[self.cursor] = (letter, *self.pen)
                self.cursor = (self.cursor[0], self.cursor[1] + 1)
            elif private:
                self._switch(int(numbers), command)
            else:
                self._obey(command, [int(number or 0) for number in numbers.split(";")])

    def lines(self) -> list[str]:
        rows, columns = self.size
        return ["".join(self.cells[row, column][0] for column in range(columns)) for row in range(rows)]

    def _switch(self, mode: int, command: str) -> None:
        assert command in "hl"
        self.modes = self.modes | {mode} if command == "h" else self.modes - {mode}

    def _obey(self, command: str, numbers: list[int]) -> None:
        if command == "H":
            self.cursor = (numbers[0] - 1, numbers[1] - 1)
        elif command == "J":
            assert numbers == [2]
            self.cells = dict.fromkeys(self.cells, (" ", *self.pen))
        elif command == "m" and numbers == [0]:
            self.pen = GROUND
        else:
            assert command == "m", f"unknown command {command}"
            layer, *color = numbers
            index = {38: 0, 48: 1}[layer]
            pen = list(self.pen)
            pen[index] = str(color)
            self.pen = (pen[0], pen[1])
