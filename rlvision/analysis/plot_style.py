"""The style of plots for papers: sizes, fonts, colours for colour-blind readers too, PNG and SVG."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

from rlvision.analysis.statistics import Series
from rlvision.core.errors import ConfigError
from rlvision.core.files import write_atomically
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.wording import as_written

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, "Color Universal Design", without yellow, which fades on white."""
STROKES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X"
GRAY = "#6b6b6b"
PANEL = (4.2, 3.1)
"""Width and height of a panel in inches; a single one is as wide as a column and a half."""
MAX_COLUMNS = 3
LEGEND_WIDTH = 46
"""Characters in a line of the legend, for each panel across."""
BAND = "shaded: 95 % interval (stratified bootstrap over seeds)"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.labelsize": 9.5,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",  # text remains text
    "svg.hashsalt": "rlvision",  # equal numbers give equal files
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Apply this style inside the context only, so that other plots keep theirs."""
    from matplotlib import rc_context

    with rc_context(_STYLE):
        yield


def new_figure(panels: Sequence[str], most_across: int = MAX_COLUMNS) -> "tuple[Figure, list[Axes]]":
    """Make a figure with one panel per title, without pyplot, so that no display and no global state are involved."""
    from matplotlib.figure import Figure

    across = min(len(panels), most_across)
    down = ceil(len(panels) / across)
    width = PANEL[0] * across if across > 1 else 1.3 * PANEL[0]
    figure = Figure(figsize=(width, PANEL[1] * down), dpi=300, layout="constrained", facecolor="white")
    every = [figure.add_subplot(down, across, place + 1) for place in range(len(panels))]
    for axes, title in zip(every, panels, strict=True):
        axes.set_title(title, loc="left")
    return figure, every


def line_style(index: int) -> dict[str, Any]:
    """Return colour and dashes of agent number ``index``: seven colours, then the same with other dashes."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": STROKES[index // len(COLOURS) % len(STROKES)],
        "linewidth": 1.8,
        "markersize": 4,
    }


def line_marker(points: int) -> str | None:
    """Return a marker for a line through few points, else None."""
    return "o" if points < 30 else None


def fill_interval(
    axes: "Axes", x: Series, ends: tuple[Series, Series], index: int, step: Literal["post"] | None = None
) -> None:
    """Draw a band [K] around the line of agent number ``index``, or a bar if K is 1; ``step`` is matplotlib's."""
    if len(x) == 1:
        axes.vlines(x, *ends, color=COLOURS[index % len(COLOURS)], alpha=0.35, linewidth=7)
        return
    axes.fill_between(x, *ends, color=COLOURS[index % len(COLOURS)], alpha=0.18, linewidth=0, step=step)


def add_legend(figure: "Figure", entries: "Mapping[str, Artist]", panels: int) -> None:
    """Add one legend below all panels, and enlarge the figure by its height.

    Args:
        figure: holds the panels.
        entries: label -> the drawn object.
        panels: number of panels.
    """
    across = min(panels, MAX_COLUMNS)
    texts = [fill(text, LEGEND_WIDTH * across + 28) for text in entries]
    columns = 1 if max(map(len, texts)) > LEGEND_WIDTH * across / 2 else 2
    lines = sum(text.count("\n") + 1 for text in texts) / columns
    figure.set_figheight(figure.get_figheight() + 0.19 * lines + 0.1)
    figure.legend(entries.values(), texts, loc="outside lower left", ncols=columns, frameon=False)


def with_band(entries: "dict[str, Artist]", panels: "Sequence[Axes]") -> "dict[str, Artist]":
    """Add an entry for the shaded bands to a legend, if there are any bands."""
    from matplotlib.patches import Patch

    has_band = any(axes.collections for axes in panels)
    return {**entries, BAND: Patch(color=GRAY, alpha=0.25, linewidth=0)} if has_band else entries


def require_picture(path: AnyPath) -> None:
    """Refuse a file that is no picture or cannot be written, before anything is computed.

    Raises:
        ConfigError: the suffix is another, or the path is a folder.
    """
    path = as_path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"expected a picture (.png or .svg) in {as_written('out')}, got {path}: name one")
    require_folder(path.parent)
    if path.is_dir():
        raise ConfigError(f"expected a file to write in {as_written('out')}, got the folder {path}: name another")


def require_folder(folder: AnyPath) -> None:
    """Make a folder.

    Raises:
        ConfigError: it cannot be made.
    """
    folder = as_path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ConfigError(
            f"expected a folder to write in {as_written('out')}, got the file {folder}: name another"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"expected a folder to write in {as_written('out')}, got {folder}: {error.strerror}; name another"
        ) from error


def save(figure: "Figure", path: AnyPath) -> Path:
    """Write a picture completely or not at all, in the format of its suffix, and return its path.

    Raises:
        ConfigError: it cannot be written.
    """
    path, content = as_path(path), BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    with paper_style():
        figure.savefig(content, format=kind, metadata={"Date": None} if kind == "svg" else None)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise ConfigError(f"expected to write {path}, got {error.strerror}: name another file") from error
    return path
