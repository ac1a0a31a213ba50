"""A picture of a run's learning curve."""

import gc
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rlvision.core.files import NewFile
from rlvision.core.paths import AnyPath, as_path
from rlvision.tracking.jsonl import each_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE_FILE = "curve.png"
RECENT = 20
"""Games in the running mean, as in episode/score_mean_20."""

Series = npt.NDArray[np.float64]
SHOWN = (
    ("episode/score",),
    ("evaluate/mean",),
    ("evaluate/ci_low", "evaluate/ci_high"),
    ("counters/frames",),
    ("loss/td",),
    ("q/mean",),
    ("q/discounted_return",),
)
"""Metrics in the picture, in groups that are plotted together."""
BLUE, ORANGE, INK = "#2f6fb0", "#e07b1a", "#444444"


def draw_curve(folder: AnyPath, title: str | None = None) -> Path:
    """Draw ``metrics.jsonl`` of a run folder as ``curve.png``, and return its path.

    Args:
        folder: the run folder.
        title: title of the picture; None for the folder's name.

    Raises:
        CheckpointError: there is no such folder, or its metrics cannot be read.
    """
    folder = as_path(folder)
    figure = plot_curve(folder, title)
    path = folder / CURVE_FILE
    with NewFile(path) as new:  # a reader never sees half a picture
        figure.savefig(new.file, format="png")
        new.keep(path)
    del figure
    gc.collect()  # frees 7 MB of pixels in a reference cycle; otherwise several pictures would pile up
    return path


def plot_curve(folder: AnyPath, title: str | None = None) -> "Figure":
    """Return the learning curve of a run folder as a figure, to change, to save, or to end a notebook's cell with.

    Args:
        folder: the run folder.
        title: title of the picture; None for the folder's name.

    Raises:
        CheckpointError: there is no such folder, or its metrics cannot be read.
    """
    folder = as_path(folder)
    return learning_curve(each_row(folder), folder.name if title is None else title)


def learning_curve(rows: Iterable[Mapping[str, float]], title: str) -> "Figure":
    """Draw the learning curve of a run.

    The upper panel shows the score of every training game, their running mean of 20, and the evaluations
    with their 95 % interval, against env steps (and emulator frames, if these differ). The lower panels show
    the loss, and the Q-values with the discounted return of the games played.
    """
    seen = Columns(rows, SHOWN)
    figure, scores, loss, q_values = _figure(title, seen.end)
    _draw_games(scores, seen)
    _draw_evaluations(scores, seen)
    _add_legend(scores)
    _draw_frames(scores, seen)
    _draw_lines(loss, seen, {"loss": ("loss/td", BLUE)})
    _draw_lines(q_values, seen, {"Q mean": ("q/mean", BLUE), "discounted return": ("q/discounted_return", ORANGE)})
    return figure


def running_mean(values: Sequence[float] | Series, window: int) -> Series:
    """Return at each place the mean of the last ``window`` values, or of all values while there are fewer."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(sums))
    starts = np.maximum(ends - window, 0)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts), dtype=np.float64)


class Columns:
    """Metrics against env steps, read in one pass over the rows; a game takes 16 bytes.

    Args:
        rows: the rows of `each_row`.
        groups: names of metrics; a group is read from the rows that hold all of its metrics.
    """

    def __init__(self, rows: Iterable[Mapping[str, float]], groups: Iterable[tuple[str, ...]]) -> None:
        self.end = 0.0  # env steps of the last row
        self._values = {names: array("d") for names in groups}
        for row in rows:
            self.end = max(self.end, row["env_steps"])
            for names, values in self._values.items():
                if all(name in row for name in names):
                    values.extend((row["env_steps"], *(row[name] for name in names)))

    def of(self, *names: str) -> list[Series]:
        """Return env steps, then the named metrics."""
        return list(np.array(self._values[names], dtype=np.float64).reshape(-1, 1 + len(names)).T)


def columns(rows: Iterable[Mapping[str, float]], *names: str) -> list[Series]:
    """Return env steps, then the named metrics, of the rows that hold all of them."""
    return Columns(rows, [names]).of(*names)


def _figure(title: str, end: float) -> "tuple[Figure, Axes, Axes, Axes]":
    """Make the figure and its three axes without pyplot, so that no display and no global state are involved."""
    from rlvision.tracking.inline_figure import InlineFigure

    figure = InlineFigure(figsize=(9.0, 6.4), dpi=150, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 2, height_ratios=(2.4, 1.0))
    scores, loss, q_values = (
        figure.add_subplot(grid[0, :]),
        figure.add_subplot(grid[1, 0]),
        figure.add_subplot(grid[1, 1]),
    )
    figure.suptitle(title, fontsize=13, fontweight="bold", color=INK)
    for axes, label in ((scores, "score of a game"), (loss, "loss"), (q_values, "value")):
        _style_axes(axes, label, end)
    return figure, scores, loss, q_values


def style_axes(axes: "Axes", across: str, up: str) -> None:
    """Label the axes and apply the common style of all pictures."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _style_axes(axes: "Axes", label: str, end: float) -> None:
    from matplotlib.ticker import EngFormatter

    style_axes(axes, "env steps", label)
    axes.set_xlim(0, max(end, 100))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _draw_games(axes: "Axes", seen: Columns) -> None:
    steps, scores = seen.of("episode/score")
    if len(steps):
        axes.plot(steps, scores, ".", color=BLUE, alpha=0.35, markersize=5, markeredgewidth=0, label="training game")
        axes.plot(steps, running_mean(scores, RECENT), color=BLUE, linewidth=2, label=f"mean of {RECENT} games")


def _draw_evaluations(axes: "Axes", seen: Columns) -> None:
    steps, means = seen.of("evaluate/mean")
    if len(steps):
        axes.plot(steps, means, "o-", color=ORANGE, linewidth=1.5, markersize=4.5, label="evaluation, 95 % interval")
    steps, low, high = seen.of("evaluate/ci_low", "evaluate/ci_high")
    if len(steps) == 1:  # a band would have no width
        axes.vlines(steps, low, high, color=ORANGE, linewidth=2.5, alpha=0.5)
    elif len(steps):
        axes.fill_between(steps, low, high, color=ORANGE, alpha=0.18, linewidth=0)


def _add_legend(axes: "Axes") -> None:
    """Add a legend at the upper left, where a rising curve leaves room: matplotlib's search is slow with many games."""
    if axes.lines:
        axes.legend(frameon=False, loc="upper left", fontsize=9)
    else:
        axes.text(0.5, 0.5, "no game finished yet", transform=axes.transAxes, ha="center", color=INK)


def _draw_frames(axes: "Axes", seen: Columns) -> None:
    """Add a second x-axis in emulator frames if an env step is several frames."""
    from matplotlib.ticker import EngFormatter

    steps, frames = seen.of("counters/frames")
    if not len(steps) or steps[-1] <= 0 or frames[-1] <= steps[-1]:
        return
    ratio = frames[-1] / steps[-1]
    above = axes.secondary_xaxis("top", functions=(lambda step: step * ratio, lambda frame: frame / ratio))
    above.set_xlabel("emulator frames")
    above.xaxis.set_major_formatter(EngFormatter(sep=""))
    above.spines["top"].set_visible(False)


def _draw_lines(axes: "Axes", seen: Columns, lines: dict[str, tuple[str, str]]) -> None:
    for label, (metric, color) in lines.items():
        steps, values = seen.of(metric)
        if len(steps):
            axes.plot(steps, values, color=color, linewidth=1.3, label=label)
    if len(axes.lines) > 1:
        axes.legend(frameon=False, loc="lower right", fontsize=8)
