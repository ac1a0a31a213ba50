"""Outputs of a notebook's cell that change in place.

IPython is no dependency: it is used where it has been loaded already, as in the kernel of a notebook.
"""

import html
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from uuid import uuid4

SECONDS = 0.5
"""Shortest time between two drawings of an output."""
PARTS = ("board", "bar", "lines")
"""Parts of an output, from its top to its bottom."""
BLUE, GRAY = "#2f81d7", "rgba(128, 128, 128, 0.25)"
"""Colours that can be told apart on a dark ground and on a light one. Text has the colour of the notebook."""

_open: list["LiveOutput"] = []  # outputs under way; a bar is drawn in the last one


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook; IPython in a terminal is none."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_shell is not None and getattr(get_shell(), "kernel", None) is not None


def display_html(page: str, text: str, *, place: str | None = None, update: bool = False) -> None:
    """Show HTML as an output of the cell, or in the place of an earlier output.

    Args:
        page: the HTML.
        text: for readers that show no HTML.
        place: name of the output, to change it later.
        update: replace the output of that name.
    """
    show = import_module("IPython.display").display
    show({"text/html": page, "text/plain": text}, raw=True, display_id=place, update=update)


class LiveOutput:
    """One output of a cell, made of parts that are replaced one by one; it is drawn every half second at most.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._place: str | None = None  # of the output, once there is one
        self._parts: dict[str, tuple[str, str]] = {}  # name -> HTML and text
        self._drawn_at = 0.0
        self._waits = False

    def put(self, part: str, page: str, text: str) -> None:
        """Set one of the `PARTS`, and draw if the last drawing is half a second old."""
        self._parts[part] = page, text
        self._waits = True
        if self._place is None or self._clock() - self._drawn_at >= SECONDS:
            self.flush()

    def drop(self, part: str) -> None:
        """Remove a part, at the next drawing."""
        self._waits |= self._parts.pop(part, None) is not None

    def flush(self) -> None:
        """Draw what has changed."""
        if not self._waits:
            return
        parts = [self._parts[name] for name in PARTS if name in self._parts]
        page, text = "".join(page for page, _ in parts), "\n".join(text for _, text in parts if text)
        is_new, self._place = self._place is None, self._place or uuid4().hex
        display_html(f'<div style="max-width: 760px">{page}</div>', text, place=self._place, update=not is_new)
        self._drawn_at, self._waits = self._clock(), False

    def begin(self) -> None:
        """Let bars be drawn in this output, until `close`."""
        _open.append(self)

    def close(self) -> None:
        """Draw a last time; may be called twice."""
        self.flush()
        if self in _open:
            _open.remove(self)


@contextmanager
def shared_output() -> Iterator[LiveOutput]:
    """Yield the output that is open, such as that of a training; without one, open a new one."""
    if _open:
        yield _open[-1]
        return
    output = LiveOutput()
    output.begin()
    try:
        yield output
    finally:
        output.close()


def draw_bar(share: float) -> str:
    """Return the HTML of a bar that is filled from the left by ``share``, 0 to 1."""
    filled = f'<div style="width: {min(1.0, max(0.0, share)):.1%}; height: 100%; background: {BLUE}"></div>'
    return f'<div style="{_BAR}; background: {GRAY}" role="progressbar">{filled}</div>'


def draw_row(left: str, right: str) -> str:
    """Return the HTML of a line with a text at its left end and one at its right."""
    faint = f'<span style="opacity: 0.7">{html.escape(right)}</span>'
    return f'<div style="{_ROW}"><span>{html.escape(left)}</span>{faint}</div>'


_BAR = "height: 8px; border-radius: 4px; overflow: hidden; margin: 4px 0"
_ROW = "display: flex; justify-content: space-between; gap: 16px; font-size: 13px; font-variant-numeric: tabular-nums"
