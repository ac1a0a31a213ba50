"""The table and the figure of the study, from the rows of its runs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt

from rlvision.tracking.curve import running_mean
from studies.batchnorm.plan import ARMS, WORLDS, Cell
from studies.table import RunRecord

Row = Mapping[str, float]
Series = npt.NDArray[np.float64]

COLUMNS = (
    "world",
    "arm",
    "seed",
    "env steps",
    "updates",
    "last 20 games",
    "mean of all games",
    "evaluation (95 %)",
    "gap, mean (largest)",
    "disagree",
    "clipped",
    "drift",
    "Q, return seen",
    "gap above 0.2 since update",
)
SUMMARY = (
    "world",
    "arm",
    "seeds",
    "env steps",
    "last 20 games, mean (each seed)",
    "as far as every run of the world came",
    "mean of all games",
    "gap",
    "disagree",
)
COLOURS = {
    "renorm": "#1b6ac9",
    "running": "#d1495b",
    "running, momentum 0.9": "#e377c2",
    "batch": "#edae49",
    "joint": "#8d5a97",
    "fixed": "#00a6d6",
    "frozen": "#2a9d8f",
    "layer": "#444444",
    "none": "#9a9a9a",
    "nature": "#6b8e23",
}
POINTS = 200
"""Points of a drawn curve."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run of the study that reached its end or the requested env step."""

    cell: Cell
    rows: Sequence[Row]

    def column(self, name: str) -> list[float]:
        """Return the values of a metric, in order."""
        return [row[name] for row in self.rows if name in row]

    @property
    def env_steps(self) -> float:
        """Env steps of the run."""
        return self.rows[-1]["env_steps"]

    def last_games(self, until: float) -> float:
        """Return the mean raw score of the last 20 training games that had ended by this env step."""
        scores = [row["episode/score"] for row in self.rows if "episode/score" in row and row["env_steps"] <= until]
        return fmean(scores[-20:])


def read(records: Mapping[str, RunRecord], planned: Sequence[Cell]) -> list[Result]:
    """Return the existing results, in the order of the plan."""
    there = [cell for cell in planned if cell.folder in records]
    return [Result(cell, list(records[cell.folder].metrics())) for cell in there]


def furthest(results: Sequence[Result]) -> list[Result]:
    """Return an arm's runs within a tenth of the longest one, without those that were stopped early."""
    end = max(result.env_steps for result in results)
    return [result for result in results if result.env_steps >= 0.9 * end]


def table(results: Sequence[Result]) -> str:
    """Format a line of Markdown for every run, including failed ones."""
    rule = "|" + "---|" * len(COLUMNS)
    return "\n".join(["| " + " | ".join(COLUMNS) + " |", rule, *map(_line, results)]) + "\n"


def summary(results: Sequence[Result]) -> str:
    """Format a line of Markdown for every arm of a world: mean over seeds and each seed, of the `furthest` runs."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    shortest: dict[str, float] = {}
    for result in results:
        world = result.cell.world
        groups[world, result.cell.name].append(result)
        shortest[world] = min(result.env_steps, shortest.get(world, result.env_steps))
    lines = [_summary_line(world, name, furthest(runs), shortest[world]) for (world, name), runs in groups.items()]
    return "\n".join(["| " + " | ".join(SUMMARY) + " |", "|" + "---|" * len(SUMMARY), *lines]) + "\n"


def draw(results: Sequence[Result], path: Path) -> None:
    """Draw the figure: scores above, gap below, a column for each world, a colour for each arm."""
    from matplotlib.figure import Figure

    arms = [result for result in results if result.cell.name in ARMS]
    worlds = [world for world in WORLDS if any(result.cell.world == world for result in arms)]
    figure = Figure(figsize=(6.0 * len(worlds), 7.5), dpi=130, layout="constrained", facecolor="white")
    axes = figure.subplots(2, len(worlds), squeeze=False, height_ratios=(2, 1))
    for column, world in enumerate(worlds):
        _draw_world(axes[0][column], axes[1][column], world, [one for one in arms if one.cell.world == world])
    _save(figure, path)


def _save(figure, path: Path) -> None:  # type: ignore[no-untyped-def]
    """Save with 256 colours, which takes a third of the bytes."""
    from PIL import Image

    with BytesIO() as whole:
        figure.savefig(whole, format="png")
        Image.open(whole).convert("RGB").quantize(256).save(path, optimize=True)


def _draw_world(scores, gaps, world: str, results: Sequence[Result]) -> None:  # type: ignore[no-untyped-def]
    end = max(result.env_steps for result in results)
    grid = np.linspace(0, end, POINTS)
    for name in ARMS:
        runs = [result for result in results if result.cell.name == name]
        if runs:
            runs = furthest(runs)
            curves = [_resampled(result, "episode/score", grid, window=20) for result in runs]
            _draw_mean(scores, grid, curves, name, len(runs))
        measured = [result for result in runs if result.column("bn/gap")]
        if measured:
            gap_curves = [_resampled(result, "bn/gap", grid, window=1) for result in measured]
            _draw_mean(gaps, grid, gap_curves, name, len(measured))
    scores.set_title(WORLDS[world].title)
    scores.set_ylabel("raw score, mean of 20 training games")
    gaps.set_ylabel("bn/gap")
    gaps.set_xlabel("env steps")
    gaps.set_yscale("symlog", linthresh=0.01)
    scores.legend(frameon=False, fontsize=8)
    for axes in (scores, gaps):
        axes.grid(visible=True, color="#e4e4e4")
        axes.spines[["top", "right"]].set_visible(False)


def _draw_mean(axes, grid: Series, curves: Sequence[Series], name: str, seeds: int) -> None:  # type: ignore[no-untyped-def]
    """Draw the mean over seeds as a line, and the range of the seeds as a shaded band."""
    stacked = np.stack(curves)  # [seeds, POINTS]
    label = f"{name} ({seeds})"
    axes.plot(grid, stacked.mean(axis=0), color=COLOURS[name], linewidth=1.8, label=label)
    axes.fill_between(grid, stacked.min(axis=0), stacked.max(axis=0), color=COLOURS[name], alpha=0.12, linewidth=0)


def _resampled(result: Result, metric: str, grid: Series, window: int) -> Series:
    """Interpolate a metric on the grid; its first value before the first measurement, NaN after the last."""
    found = [(row["env_steps"], row[metric]) for row in result.rows if metric in row]
    steps, values = np.array(found, dtype=np.float64).T
    return np.interp(grid, steps, running_mean(values, window), right=np.nan)


def _line(result: Result) -> str:
    cell = result.cell
    values = (
        cell.world,
        cell.name,
        str(cell.seed),
        f"{result.env_steps:,.0f}",
        f"{result.column('counters/updates')[-1]:,.0f}",
        f"{result.last_games(result.env_steps):.1f}",
        f"{fmean(result.column('episode/score')):.1f}",
        _evaluation(result),
        _gap(result),
        _mean_percent(result, "bn/greedy_disagreement"),
        _mean_percent(result, "bn/clipped"),
        _mean(result, "bn/target_drift"),
        f"{result.column('q/mean')[-1]:.2f}, {result.column('q/discounted_return')[-1]:.2f}",
        _wide_since(result),
    )
    return "| " + " | ".join(values) + " |"


def _summary_line(world: str, name: str, runs: Sequence[Result], shortest: float) -> str:
    scores = [run.last_games(run.env_steps) for run in runs]
    equal = fmean(run.last_games(shortest) for run in runs)
    each = ", ".join(f"{score:.1f}" for score in scores)
    everything = fmean(fmean(run.column("episode/score")) for run in runs)
    gaps = [fmean(run.column("bn/gap")) for run in runs if run.column("bn/gap")]
    disagree = [fmean(run.column("bn/greedy_disagreement")) for run in runs if run.column("bn/greedy_disagreement")]
    return (
        f"| {world} | {name} | {len(runs)} | {min(run.env_steps for run in runs):,.0f} | "
        f"**{fmean(scores):.1f}** ({each}) | {equal:.1f} at {shortest:,.0f} | {everything:.1f} | "
        f"{f'{fmean(gaps):.3f}' if gaps else ''} | {f'{fmean(disagree):.1%}' if disagree else ''} |"
    )


def _evaluation(result: Result) -> str:
    exams = [row for row in result.rows if "evaluate/mean" in row]
    if not exams:
        return ""
    return (
        f"{exams[-1]['evaluate/mean']:.1f} ({exams[-1]['evaluate/ci_low']:.1f} to {exams[-1]['evaluate/ci_high']:.1f})"
    )


def _gap(result: Result) -> str:
    gaps = result.column("bn/gap")
    return f"{fmean(gaps):.3f} ({max(gaps):.2f})" if gaps else ""


def _mean_percent(result: Result, name: str) -> str:
    values = result.column(name)
    return f"{fmean(values):.1%}" if values else ""


def _mean(result: Result, name: str) -> str:
    values = result.column(name)
    return f"{fmean(values):.3f}" if values else ""


def _wide_since(result: Result) -> str:
    """Return the first update of the first three consecutive rows with a gap above 0.2."""
    measured = [(row["counters/updates"], row["bn/gap"] > 0.2) for row in result.rows if "bn/gap" in row]
    for i in range(len(measured) - 2):
        if all(wide for _, wide in measured[i : i + 3]):
            return f"{measured[i][0]:,.0f}"
    return "never" if measured else ""
