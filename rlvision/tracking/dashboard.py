"""The state of a training run, drawn as a screen or as one line."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rlvision.tracking.small_curve import Course, Mark

RECENT = 20
"""Games in the recent mean, as in episode/score_mean_20."""

HISTORY = 2000
"""Scores remembered for the sparkline."""

BLOCKS = "▁▂▃▄▅▆▇█"

CTRL_C = "^C"
"""Text that a terminal writes after the display's last line on an interrupt. The display leaves room for it, since
a wrapped line would break the redraw in place."""


@dataclass(slots=True)
class Dashboard:
    """The numbers that the display shows."""

    title: str
    total_env_steps: int
    learning_starts: int = 0  # env steps before the first update
    evaluate_every: int = 0  # env steps between evaluations; 0: only at the end
    evaluation_seconds: float = 0.0  # of the last one
    env_steps: int = 0
    rate: float = 0.0  # env steps per second
    seconds: float = 0.0  # of training in this process
    latest: dict[str, float] = field(default_factory=dict)  # metric -> its last value
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    best: float | None = None  # score of the best game of training
    course: Course = field(default_factory=Course)  # of the scores
    evaluations: list[Mark] = field(default_factory=list)
    activity: str = ""  # what is done in place of training

    def add_score(self, score: float) -> None:
        """Add the score of a finished game."""
        self.scores.append(score)
        self.best = score if self.best is None else max(self.best, score)

    def add_evaluation(self, row: Mapping[str, float], env_steps: int) -> None:
        """Add the result of an evaluation."""
        mean = row["evaluate/mean"]
        interval = row.get("evaluate/ci_low", mean), row.get("evaluate/ci_high", mean)
        self.evaluations.append(Mark(env_steps, mean, *interval))

    @property
    def games(self) -> int:
        """Games of the run so far, of which ``scores`` has the last."""
        return round(self.latest.get("counters/episodes", len(self.scores)))

    @property
    def recent(self) -> float | None:
        """Mean score of the last games."""
        last = list(self.scores)[-RECENT:]
        return sum(last) / len(last) if last else None

    @property
    def share(self) -> float:
        """Completed share of the training, 0 to 1."""
        return min(1.0, self.env_steps / max(1, self.total_env_steps))

    @property
    def is_gathering(self) -> bool:
        """Whether learning has not started yet."""
        return self.env_steps < min(self.learning_starts, self.total_env_steps)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the current rate, evaluations included; None before learning starts, which lowers the rate."""
        if self.env_steps >= self.total_env_steps:
            return 0.0
        if self.is_gathering or self.rate <= 0:
            return None
        training = (self.total_env_steps - self.env_steps) / self.rate
        return training + self._evaluations_left * self.evaluation_seconds

    @property
    def _evaluations_left(self) -> int:
        """Number of evaluations to come, the one at the end included."""
        every = self.evaluate_every or self.total_env_steps
        return max(1, -(-self.total_env_steps // every) - self.env_steps // every)


def screen(dashboard: Dashboard, width: int) -> RenderableType:
    """Draw the dashboard for a terminal of ``width`` columns."""
    return Group(_headline(dashboard), _bar(dashboard, width), _panels(dashboard, width), _scores(dashboard, width))


def line(dashboard: Dashboard) -> str:
    """Format the dashboard as one line, for a log file."""
    done = f"{dashboard.env_steps:,}/{dashboard.total_env_steps:,} env steps ({dashboard.share:.0%})"
    if dashboard.activity:
        return f"{done}  {dashboard.activity}"
    parts = [
        done,
        f"{dashboard.rate:,.0f}/s",
        gathering(dashboard) or f"left {duration(dashboard.seconds_left)}",
        f"score {number(dashboard.recent)} (best {number(dashboard.best)}, {dashboard.games:,} games)"
        if dashboard.scores
        else "",
        _named(dashboard, "loss", "loss/td"),
        _named(dashboard, "Q", "q/mean"),
        _named(dashboard, "epsilon", "policy/epsilon"),
    ]
    return "  ".join(part for part in parts if part)


def evaluation_line(row: Mapping[str, float], env_steps: int) -> str:
    """Format the result of an evaluation as one line."""
    text = f"evaluation at {env_steps:,} env steps: mean {number(row['evaluate/mean'])}"
    if "evaluate/ci_low" in row and "evaluate/ci_high" in row:
        text += f" ({number(row['evaluate/ci_low'])} to {number(row['evaluate/ci_high'])})"
    if "evaluate/games" in row:
        games = round(row["evaluate/games"])
        text += f" over {games:,} {'game' if games == 1 else 'games'}"
    return text


def number(value: float | None) -> str:
    """Format a number with four significant digits and separated thousands: 0.01234, 21.5, 1,234,567."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def duration(seconds: float | None) -> str:
    """Format a duration, such as 0:42, 12:05 or 3:20:00."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw ``values`` in at most ``width`` characters, each the mean of consecutive values."""
    if not values:
        return ""
    columns = min(width, len(values))
    edges = [column * len(values) // columns for column in range(columns + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    step = (high - low) / (len(BLOCKS) - 1) or 1.0
    return "".join(BLOCKS[round((mean - low) / step)] for mean in means)


def _headline(dashboard: Dashboard) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    title = Text.assemble(("rlvision", "bold cyan"), "  ", (dashboard.title, "bold"))
    left = gathering(dashboard) or f"{duration(dashboard.seconds_left)} left"
    grid.add_row(title, Text(f"{duration(dashboard.seconds)} gone, {left}", "dim"))
    return grid


def gathering(dashboard: Dashboard) -> str:
    """Return until when a run only gathers experience, or an empty text once it learns."""
    return f"gathering until {dashboard.learning_starts:,}" if dashboard.is_gathering else ""


def _bar(dashboard: Dashboard, width: int) -> RenderableType:
    text = f"{dashboard.env_steps:,} of {dashboard.total_env_steps:,} env steps"
    bar = ProgressBar(dashboard.total_env_steps, dashboard.env_steps, width=max(10, width - len(text) - 8))
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(bar, Text(f"{dashboard.share:4.0%}", "bold"), Text(text))
    return grid


def _panels(dashboard: Dashboard, width: int) -> RenderableType:
    latest = dashboard.latest.get
    games = _panel(
        "games",
        {
            "last 20": number(dashboard.recent),
            "best": number(dashboard.best),
            "last": number(dashboard.scores[-1] if dashboard.scores else None),
            "evaluation": number(latest("evaluate/mean")),
            "games": number(dashboard.games),
        },
    )
    learning = _panel(
        "learning",
        {
            "loss": number(latest("loss/td")),
            "|TD error|": number(latest("td_error/mean_abs")),
            "Q mean": number(latest("q/mean")),
            "return": number(latest("q/discounted_return")),
            "epsilon": number(latest("policy/epsilon")),
        },
    )
    pace = _panel(
        "pace",
        {
            "env steps/s": number(round(dashboard.rate)),
            "updates/s": number(latest("time/updates_per_second")),
            "updates": number(latest("counters/updates")),
            "frames": number(latest("counters/frames")),
            "replay": number(latest("replay/size")),
        },
    )
    grid = Table.grid(expand=True)
    for _ in range(3):
        grid.add_column(ratio=1)
    grid.add_row(games, learning, pace)
    return grid


def _panel(title: str, rows: dict[str, str]) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(justify="right", style="bold", no_wrap=True)
    for name, value in rows.items():
        grid.add_row(name, value)
    return Panel(grid, title=title, title_align="left", box=box.ROUNDED, border_style="cyan", padding=(0, 1))


def _scores(dashboard: Dashboard, width: int) -> RenderableType:
    if dashboard.activity:
        return Text(dashboard.activity, "yellow", no_wrap=True, overflow="ellipsis")
    if not dashboard.scores:
        return Text("no game finished yet", "dim")
    label, bounds = "scores ", f" {number(min(dashboard.scores))} to {number(max(dashboard.scores))}"
    course = sparkline(list(dashboard.scores), max(8, width - len(label) - len(bounds) - len(CTRL_C)))
    return Text.assemble((label, "dim"), (course, "green"), (bounds, "dim"))


def _named(dashboard: Dashboard, label: str, metric: str) -> str:
    return f"{label} {number(dashboard.latest[metric])}" if metric in dashboard.latest else ""
