"""Plots of a comparison: performance profiles, and aggregates with their intervals.

One panel shows human-normalised scores over the games that all agents have played. Every game without such scores has
its own panel, in raw points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rlvision.analysis import plot_style, statistics
from rlvision.analysis.comparison import HUMAN_NORMALISED, Comparison, Estimate, count_runs, list_games
from rlvision.analysis.statistics import Scores
from rlvision.evaluation.atari_scores import Published, format_frames, reference
from rlvision.tracking.curve import style_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THRESHOLDS = 201
"""Points of a performance profile."""
TITLES = {"iqm": "IQM", "median": "median", "mean": "mean", "optimality_gap": "optimality gap"}


@dataclass(frozen=True, slots=True)
class Panel:
    """The scores that are compared in one panel."""

    title: str
    label: str  # of the scores
    scores: Mapping[str, Scores]  # by agent


def make_panels(comparison: Comparison) -> list[Panel]:
    """Return the human-normalised panel, if there are such scores, and one for every other game."""
    found = []
    if comparison.common:
        scores = {agent: comparison.normalised(agent) for agent in comparison.ranked}
        found.append(Panel(list_games(comparison.common), HUMAN_NORMALISED, scores))
    for game in comparison.games:
        if reference(game) is None:
            own = {one.group.agent: [one.raw] for one in comparison.results if one.group.game == game}
            found.append(Panel(game, "score", own))
    return found


def performance_profiles(comparison: Comparison) -> "Figure | None":
    """Draw the share of runs that score more than τ, for every τ; None if no scores can be compared."""
    panels = make_panels(comparison)
    if not panels:
        return None
    with plot_style.paper_style():
        figure, every = plot_style.new_figure([panel.title for panel in panels])
        for axes, panel in zip(every, panels, strict=True):
            _draw_profiles(axes, panel, comparison.agents)
        plot_style.add_legend(figure, plot_style.with_band(_lines(every, comparison), every), len(every))
    return figure


def aggregates(comparison: Comparison) -> "Figure | None":
    """Draw IQM, median, mean and optimality gap with intervals, our agents above the published; None without any."""
    ours = comparison.aggregates()
    if not ours:
        return None
    published = {one.key: one for one in comparison.published}
    theirs = {_short(published[key]): values for key, values in comparison.published_aggregates().items()}
    with plot_style.paper_style():
        figure, every = plot_style.new_figure(list(TITLES.values()), len(TITLES))
        figure.set_size_inches(11.0, 1.3 + 0.27 * (len(ours) + len(theirs)))
        figure.suptitle(_about(list_games(comparison.common)), x=0.01, ha="left", fontsize=9.5)
        for axes, name in zip(every, TITLES, strict=True):
            _draw_estimates(axes, {who: values[name] for who, values in {**ours, **theirs}.items()}, comparison.agents)
            axes.tick_params(labelleft=axes is every[0])
    return figure


def _draw_profiles(axes: "Axes", panel: Panel, agents: Sequence[str]) -> None:
    everything = np.concatenate([game for scores in panel.scores.values() for game in scores])
    margin = 0.05 * (np.ptp(everything) or 1.0)
    thresholds = np.linspace(min(everything.min(), 0.0) - margin, everything.max() + margin, THRESHOLDS)  # [K]
    profile = partial(statistics.performance_profile, thresholds=thresholds)
    for agent, scores in panel.scores.items():
        index = agents.index(agent)
        axes.plot(thresholds, profile(scores), label=agent, drawstyle="steps-post", **plot_style.line_style(index))
        ends = statistics.interval(scores, profile)
        if ends is not None:
            plot_style.fill_interval(axes, thresholds, ends, index, step="post")
    style_axes(axes, f"{panel.label} τ", "share of runs with score > τ")
    axes.set_ylim(-0.03, 1.03)


def _draw_estimates(axes: "Axes", estimates: Mapping[str, Estimate], agents: Sequence[str]) -> None:
    """Draw one row per agent: a mark, and a bar for the interval."""
    for row, (who, estimate) in enumerate(estimates.items()):
        is_ours = who in agents
        colour = plot_style.line_style(agents.index(who))["color"] if is_ours else plot_style.GRAY
        if estimate.interval is not None:
            axes.plot(estimate.interval, [row, row], color=colour, linewidth=7, alpha=0.35, solid_capstyle="butt")
        axes.plot([estimate.value], [row], "o" if is_ours else "D", color=colour, markersize=5, label=who)
    style_axes(axes, "", "")
    axes.set_yticks(range(len(estimates)), list(estimates))
    axes.set_ylim(len(estimates) - 0.5, -0.5)


def _about(games: str) -> str:
    return (
        f"Human-normalised scores, {games}. Bars: 95 % interval (stratified bootstrap over seeds). "
        "Gray: as published, under other protocols.\nLess is better of the optimality gap."
    )


def _short(one: Published) -> str:
    return one.agent if one.frames is None else f"{one.agent}, {format_frames(one.frames)} frames"


def _lines(every: "Sequence[Axes]", comparison: Comparison) -> "dict[str, Artist]":
    lines = {str(line.get_label()): line for axes in every for line in axes.lines}
    return {f"{agent} ({count_runs(comparison, agent)})": line for agent, line in lines.items()}
