"""Plots of sample efficiency: the evaluation scores of agents against the frames of their training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rlvision.analysis import plot_style, statistics
from rlvision.analysis.comparison import HUMAN_NORMALISED, Comparison, GameResult, count_runs, list_games
from rlvision.analysis.curves import Curves, common_points, read_evaluations
from rlvision.analysis.statistics import Scores, Series
from rlvision.evaluation.atari_scores import Published, format_frames, human_normalised, reference
from rlvision.tracking.curve import style_axes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 50
"""Largest number of points of a curve; each point needs its own bootstrap."""


@dataclass(frozen=True, slots=True)
class EfficiencyCurve:
    """The IQM of an agent's runs along their training."""

    agent: str
    frames: Series  # [K]
    iqm: Series  # [K]
    interval: tuple[Series, Series] | None  # [K] each


def efficiency_curve(agent: str, results: Sequence[GameResult], *, normalised: bool) -> EfficiencyCurve:
    """Return the IQM of an agent's runs along their training, over all their games together.

    Runs without evaluations at common frames, such as exports, give a single point: their scores, at the end of the
    longest training.

    Args:
        agent: its name.
        results: its games.
        normalised: whether scores are human-normalised first.
    """
    read = [read_evaluations(result.group) for result in results]
    curves = [one for one in read if one is not None]
    if len(curves) == len(results):
        frames = common_points([one.x for one in curves], POINTS)
        if len(frames):
            return _efficiency_curve(agent, frames, [_scores(one, frames, normalised) for one in curves])
    scores = [each for result in results if (each := result.normalised if normalised else result.raw) is not None]
    last = np.array([max(result.frames[1] for result in results)], dtype=np.float64)
    return _efficiency_curve(agent, last, [game[None, :] for game in scores])


def sample_efficiency(comparison: Comparison) -> "Figure | None":
    """Draw IQM against emulator frames: normalised with the published agents at their frames, or raw, game by game.

    Return None if no scores can be compared.
    """
    raw = [game for game in comparison.games if reference(game) is None]
    titles = [*([list_games(comparison.common)] if comparison.common else []), *raw]
    if not titles:
        return None
    with plot_style.paper_style():
        figure, panels = plot_style.new_figure(titles)
        entries: dict[str, Artist] = {}
        if comparison.common:
            entries |= _draw_normalised(panels[0], comparison)
        for axes, game in zip(panels[len(panels) - len(raw) :], raw, strict=True):
            entries |= _draw_raw(axes, comparison, game)
        if comparison.common:
            entries |= _draw_published(panels[0], comparison)
        plot_style.add_legend(figure, plot_style.with_band(entries, panels), len(panels))
    return figure


def _efficiency_curve(agent: str, frames: Series, scores: Scores) -> EfficiencyCurve:
    """Return the curve of games with scores [K, S]."""
    return EfficiencyCurve(agent, frames, statistics.iqm(scores), statistics.interval(scores, statistics.iqm))


def _scores(curves: Curves, frames: Series, normalised: bool) -> Series:
    """Return scores [K, S] at these frames."""
    scores = np.stack([np.interp(frames, curves.x, run) for run in curves.scores.T], axis=1)
    if not normalised:
        return scores
    game = curves.group.game
    return np.array([[human_normalised(game, score) for score in row] for row in scores], dtype=np.float64)


def _draw_normalised(axes: "Axes", comparison: Comparison) -> "dict[str, Artist]":
    """Draw on a logarithmic scale: published agents were trained a hundred times as long."""
    entries: dict[str, Artist] = {}
    for agent in comparison.ranked:
        entries |= _draw_efficiency_curve(
            axes, efficiency_curve(agent, comparison.of(agent), normalised=True), comparison
        )
    axes.set_xscale("log")
    style_axes(axes, "emulator frames of training", f"IQM, {HUMAN_NORMALISED}")
    return entries


def _draw_raw(axes: "Axes", comparison: Comparison, game: str) -> "dict[str, Artist]":
    from matplotlib.ticker import EngFormatter

    entries: dict[str, Artist] = {}
    for result in comparison.results:
        if result.group.game == game:
            entries |= _draw_efficiency_curve(
                axes, efficiency_curve(result.group.agent, [result], normalised=False), comparison
            )
    style_axes(axes, "emulator frames of training", "IQM, score")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    return entries


def _draw_efficiency_curve(axes: "Axes", drawn: EfficiencyCurve, comparison: Comparison) -> "dict[str, Artist]":
    index = comparison.agents.index(drawn.agent)
    dots = plot_style.line_marker(len(drawn.frames))
    [line] = axes.plot(drawn.frames, drawn.iqm, label=drawn.agent, marker=dots, **plot_style.line_style(index))
    if drawn.interval is not None:
        plot_style.fill_interval(axes, drawn.frames, drawn.interval, index)
    return {f"{drawn.agent} ({count_runs(comparison, drawn.agent)})": line}


def _draw_published(axes: "Axes", comparison: Comparison) -> "dict[str, Artist]":
    """Draw a mark where a published agent's training ended, and a line for agents without training."""
    values, entries = comparison.published_aggregates(), {}
    for number, one in enumerate(one for one in comparison.published if one.key in values):
        score = values[one.key]["iqm"].value
        entries[_said_of(one)] = _mark(axes, one, score, number)
    return entries


def _mark(axes: "Axes", one: Published, score: float, number: int) -> "Artist":
    if one.frames is None:
        return axes.axhline(
            score, color=plot_style.GRAY, linewidth=1, linestyle=plot_style.STROKES[1 + number], label=one.agent
        )
    marker = plot_style.MARKERS[number % len(plot_style.MARKERS)]
    [mark] = axes.plot([one.frames], [score], marker, color=plot_style.GRAY, markersize=6, label=one.agent)
    return mark


def _said_of(one: Published) -> str:
    frames = "" if one.frames is None else f"{format_frames(one.frames)} frames; "
    return f"{one.agent}: {frames}{one.protocol}"
