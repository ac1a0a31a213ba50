"""A small learning curve: the scores of a training as few points, drawn as SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_POINTS = 400
"""Even number of points at which a course joins them in pairs."""
WINDOW = 20
"""Points in the running mean."""
WIDTH, HEIGHT, LEFT, BELOW = 720, 150, 56, 18
BLUE, ORANGE = "#2f81d7", "#e07b1a"
"""Colours that can be told apart on a dark ground and on a light one; text has the colour of its surroundings."""

Point = tuple[float, float]
"""Env steps and a score."""


@dataclass(slots=True)
class Course:
    """The scores of a training in fewer than `MOST_POINTS` points, each the mean of the same number of games.

    ::

        games    1 2 3 4 5 6 7 8     with fewer than four points
        points   1 2 3               one game each
                 12 34               the fourth game joins the points in pairs
                 12 34 56
                 1234 5678           and so does the fourth point
    """

    points: list[Point] = field(default_factory=list)
    games: int = 1  # in a point
    _next: list[Point] = field(default_factory=list)  # games of the next point

    def add(self, env_steps: float, score: float) -> None:
        """Add the score of a game that ended."""
        self._next.append((env_steps, score))
        if len(self._next) == self.games:
            self.points.append(_mean(self._next))
            self._next.clear()
        if len(self.points) == MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [_mean(pair) for pair in pairs]
            self.games *= 2

    def state(self) -> dict[str, Any]:
        """Return the points, as plain values."""
        return {"points": [list(point) for point in self.points], "games": self.games}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the points of `state`."""
        self.points = [(point[0], point[1]) for point in state["points"]]
        self.games = int(state["games"])
        self._next.clear()


@dataclass(frozen=True, slots=True)
class Mark:
    """The result of an evaluation: its mean, and the ends of its interval."""

    env_steps: float
    mean: float
    low: float
    high: float


def draw_svg(points: Sequence[Point], marks: Sequence[Mark], end: float) -> str:
    """Draw the scores as dots with their running mean, and the evaluations with their intervals.

    Args:
        points: in the order of their env steps.
        marks: the evaluations.
        end: env steps at the right edge.
    """
    scale = Scale(end, [score for _, score in points] + [end for mark in marks for end in (mark.low, mark.high)])
    smooth = [(steps, mean) for (steps, _), mean in zip(points, _running([score for _, score in points]), strict=True)]
    shapes = [*_frame(scale), *_dots(points, scale), _line(smooth, BLUE, scale), *_evaluations(marks, scale)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" style="width: 100%; color: inherit" role="img" '
        f'aria-label="scores over env steps" font-size="11" fill="currentColor">{"".join(shapes)}</svg>'
    )


class Scale:
    """The place of env steps and scores in the picture.

    Args:
        end: env steps at the right edge.
        scores: that the picture has to hold.
    """

    def __init__(self, end: float, scores: Iterable[float]) -> None:
        found = list(scores) or [0.0]
        self.end, self.low, self.high = max(1.0, end), min(found), max(found)

    def x(self, env_steps: float) -> float:
        """Return the distance from the left edge."""
        return LEFT + (WIDTH - LEFT - 8) * min(1.0, env_steps / self.end)

    def y(self, score: float) -> float:
        """Return the distance from the upper edge."""
        share = (score - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return 8 + (HEIGHT - BELOW - 16) * (1 - share)


def _frame(scale: Scale) -> list[str]:
    """Draw the lowest and the highest score with their lines, and the last env step."""
    shapes = []
    for score in dict.fromkeys((scale.low, scale.high)):
        y = scale.y(score)
        shapes.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 8}" stroke="currentColor" opacity="0.15"/>')
        shapes.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" opacity="0.7">{score:,.4g}</text>')
    place = f'x="{WIDTH - 8}" y="{HEIGHT - 4}" text-anchor="end" opacity="0.7"'
    return [*shapes, f"<text {place}>{scale.end:,.0f} env steps</text>"]


def _dots(points: Sequence[Point], scale: Scale) -> list[str]:
    return [
        f'<circle cx="{scale.x(steps):.1f}" cy="{scale.y(score):.1f}" r="2" fill="{BLUE}" opacity="0.4"/>'
        for steps, score in points
    ]


def _line(points: Sequence[Point], color: str, scale: Scale) -> str:
    places = " ".join(f"{scale.x(steps):.1f},{scale.y(score):.1f}" for steps, score in points)
    return f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="2"/>'


def _evaluations(marks: Sequence[Mark], scale: Scale) -> list[str]:
    """Draw each evaluation as a dot on its interval."""
    shapes = [_line([(mark.env_steps, mark.mean) for mark in marks], ORANGE, scale)] if marks else []
    for mark in marks:
        x = f"{scale.x(mark.env_steps):.1f}"
        interval = f"M{x} {scale.y(mark.low):.1f}V{scale.y(mark.high):.1f}"
        shapes.append(f'<path d="{interval}" stroke="{ORANGE}" stroke-width="3" opacity="0.5"/>')
        shapes.append(f'<circle cx="{x}" cy="{scale.y(mark.mean):.1f}" r="3.5" fill="{ORANGE}"/>')
    return shapes


def _mean(points: Sequence[Point]) -> Point:
    return sum(steps for steps, _ in points) / len(points), sum(score for _, score in points) / len(points)


def _running(scores: Sequence[float]) -> list[float]:
    """Return at each place the mean of the last `WINDOW` scores, or of all while there are fewer."""
    sums = [0.0]
    for score in scores:
        sums.append(sums[-1] + score)
    starts = [max(0, place - WINDOW) for place in range(1, len(sums))]
    return [(sums[end] - sums[start]) / (end - start) for end, start in enumerate(starts, start=1)]
