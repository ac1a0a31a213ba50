"""Plots of learning curves: one panel per game, one line per agent, with its seeds shaded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rlvision.analysis import plot_style, statistics
from rlvision.analysis.curves import Curves, ScoreKind, Unit
from rlvision.analysis.statistics import Series
from rlvision.tracking.curve import RECENT, style_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Band = Literal["range", "interval"]
X_LABELS: dict[Unit, str] = {"env_steps": "env steps", "frames": "emulator frames", "hours": "hours of training"}
Y_LABELS: dict[ScoreKind, str] = {
    "training": f"score in training (mean of {RECENT} games)",
    "evaluations": "score in evaluation",
}
BAND_LABELS: dict[Band, str] = {
    "range": "shaded: lowest to highest seed",
    "interval": "shaded: 95 % interval of the mean over seeds (bootstrap)",
}


def learning_curves(curves: Sequence[Curves], what: ScoreKind, unit: Unit, band: Band) -> "Figure":
    """Draw the mean over the seeds of every agent, and around it a band.

    Args:
        curves: of all agents and games.
        what: the score on the y-axis.
        unit: of the x-axis.
        band: the shaded area: the range of the seeds, or the 95 % bootstrap interval of their mean.
    """
    games = list(dict.fromkeys(one.group.game for one in curves))
    agents = list(dict.fromkeys(one.group.agent for one in curves))
    with plot_style.paper_style():
        figure, panels = plot_style.new_figure(games)
        for one in curves:
            _draw(panels[games.index(one.group.game)], one, agents.index(one.group.agent), band)
        for axes in panels:
            _style_axes(axes, what, unit)
        plot_style.add_legend(figure, _entries(curves, panels, band), len(panels))
    return figure


def band_edges(curves: Curves, band: Band) -> tuple[Series, Series] | None:
    """Return the two ends of the band [K]; None for a single seed."""
    if curves.scores.shape[1] < statistics.MIN_RUNS:
        return None
    if band == "interval":
        return statistics.interval([curves.scores], statistics.mean)
    return curves.scores.min(axis=1), curves.scores.max(axis=1)


def _draw(axes: "Axes", curves: Curves, index: int, band: Band) -> None:
    dots = plot_style.line_marker(len(curves.x))
    axes.plot(curves.x, curves.mean, marker=dots, label=curves.group.agent, **plot_style.line_style(index))
    ends = band_edges(curves, band)
    if ends is not None:
        plot_style.fill_interval(axes, curves.x, ends, index)


def _style_axes(axes: "Axes", what: ScoreKind, unit: Unit) -> None:
    from matplotlib.ticker import EngFormatter

    style_axes(axes, X_LABELS[unit], Y_LABELS[what])
    axes.set_xlim(left=0)
    if unit != "hours":
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _entries(curves: Sequence[Curves], panels: "Sequence[Axes]", band: Band) -> "dict[str, Artist]":
    """Return the legend: an entry for each agent, and one for the band."""
    from matplotlib.patches import Patch

    lines = {str(line.get_label()): line for axes in panels for line in axes.lines}
    entries: dict[str, Artist] = {f"{agent} ({_seeds(agent, curves)})": line for agent, line in lines.items()}
    if any(one.scores.shape[1] >= statistics.MIN_RUNS for one in curves):
        entries[BAND_LABELS[band]] = Patch(color=plot_style.GRAY, alpha=0.25, linewidth=0)
    return entries


def _seeds(agent: str, curves: Sequence[Curves]) -> str:
    counts = sorted({one.scores.shape[1] for one in curves if one.group.agent == agent})
    if counts == [1]:
        return "1 seed"
    return f"mean of {counts[0]} seeds" if len(counts) == 1 else f"mean of {counts[0]} to {counts[-1]} seeds"
