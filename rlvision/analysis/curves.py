"""Learning curves: scores of runs along their training, interpolated at common points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rlvision.analysis.grouping import Group
from rlvision.analysis.run_info import RunInfo
from rlvision.analysis.statistics import Series
from rlvision.core.errors import CheckpointError
from rlvision.tracking.curve import RECENT, columns, running_mean
from rlvision.tracking.jsonl import read_metrics

Unit = Literal["env_steps", "frames", "hours"]
ScoreKind = Literal["training", "evaluations"]
METRIC: dict[ScoreKind, str] = {"training": "episode/score", "evaluations": "evaluate/mean"}
POINTS = 200
"""Largest number of points of a curve."""


@dataclass(frozen=True, slots=True)
class Curves:
    """The runs of one group at the same points."""

    group: Group
    x: Series  # [K]
    scores: Series  # [K, S] raw

    @property
    def mean(self) -> Series:
        """Mean over the seeds, [K]."""
        return np.asarray(self.scores.mean(axis=1))


def read_curves(group: Group, what: ScoreKind, unit: Unit) -> Curves:
    """Return the scores of a group's runs, between the first point that all have reached and the last.

    Scores between two measurements are interpolated linearly.

    Args:
        group: runs of one agent and game.
        what: ``training``, the mean of the last 20 games of training, or ``evaluations``.
        unit: of the x axis.

    Raises:
        CheckpointError: a run has no such scores, or they have no points in common.
    """
    curves = _at_common_points(group, what, unit)
    if not len(curves.x):
        places = ", ".join(str(info.place) for info in group.members)
        raise CheckpointError(f"expected runs that reach the same {unit}, got {places}: compare them one by one")
    return curves


def read_evaluations(group: Group) -> Curves | None:
    """Return the evaluations of a group's runs along the frames of their training, as `read_curves` does.

    Return None if a run has no evaluations, such as an export, or if the runs have no points in common, such as runs
    that are evaluated only at their ends.
    """
    if not all(_has_evaluations(info) for info in group.members):
        return None
    curves = _at_common_points(group, "evaluations", "frames")
    return curves if len(curves.x) else None


def common_points(times: Sequence[Series], most: int) -> Series:
    """Return the points between the last start and the first end of all runs, [K]; evenly thinned to ``most``."""
    first, last = max(each[0] for each in times), min(each[-1] for each in times)
    every = np.unique(np.concatenate(times))
    inside = every[(every >= first) & (every <= last)]
    return inside if len(inside) <= most else np.linspace(first, last, most)


def _at_common_points(group: Group, what: ScoreKind, unit: Unit) -> Curves:
    found = [_read(info, what, unit) for info in group.members]
    x = common_points([times for times, _ in found], POINTS)
    return Curves(group, x, np.stack([np.interp(x, times, scores) for times, scores in found], axis=1))


def _has_evaluations(info: RunInfo) -> bool:
    return info.card is None and any(METRIC["evaluations"] in row for row in read_metrics(info.folder))


def _read(info: RunInfo, what: ScoreKind, unit: Unit) -> tuple[Series, Series]:
    """Return the times of a run's scores, and the scores."""
    if info.card is not None:
        raise CheckpointError(
            f"expected a run folder, got the export {info.place}: it has no learning curve, leave it out"
        )
    rows = read_metrics(info.folder)
    env_steps, scores = columns(rows, METRIC[what])
    if not len(env_steps):
        hint = "--y=evaluations shows its evaluations" if what == "training" else "--y=training shows its games"
        raise CheckpointError(f"expected {METRIC[what]} in the metrics of {info.place}, got none yet: {hint}")
    score = running_mean(scores, RECENT) if what == "training" else scores
    return _in_units(info, rows, env_steps, unit), score


def _in_units(info: RunInfo, rows: list[dict[str, float]], env_steps: Series, unit: Unit) -> Series:
    if unit == "hours":
        steps, hours = columns(rows, "time/hours")
        if not len(steps):
            raise CheckpointError(f"expected time/hours in the metrics of {info.place}, got none yet: use env_steps")
        return np.asarray(np.interp(env_steps, [0.0, *steps], [0.0, *hours]), dtype=np.float64)
    return env_steps * info.frameskip if unit == "frames" else env_steps
