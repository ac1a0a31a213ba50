"""The run under way, as callbacks see it."""

import re
from collections import deque
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from types import MappingProxyType

from rlvision.core.agent import Agent
from rlvision.core.errors import ConfigError, describe_value
from rlvision.core.signals import INTERRUPTED
from rlvision.core.types import EnvSpec, QFunction, Tracker
from rlvision.tracking.foreign_metrics import STEP, WORDS
from rlvision.tracking.metrics import MEDIA, METRICS
from rlvision.training.collector import Collector

LONGEST_NAME = 100
MOST_METRICS = 200
"""Most metrics of one row, so that a row of the longest names still fits into the file's limit."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:-]*(/[A-Za-z0-9_.@:-]+)*")
OWN_GROUPS = frozenset(name.partition("/")[0] for name in METRICS)
"""Groups of metrics that the run logs itself, such as ``loss``."""
OWN_NAMES = frozenset({"env_steps", STEP, *MEDIA, *(word for words in WORDS.values() for word in words.values())})


class ActiveRun:
    """The run under way: what a callback may read of it, and two things that it may do, `stop` and `log`.

    Attributes:
        folder: the run folder.
        spec: shapes and names of the environments.
        q_function: Q-values [N, A] of observations [N, C, H, W] uint8, by the newest weights, as evaluations use them.
    """

    def __init__(
        self, folder: Path, agent: Agent, collector: Collector, tracker: Tracker, recent: deque[float]
    ) -> None:
        self.folder = folder
        self.spec: EnvSpec = collector.env.spec
        self.q_function: QFunction = agent.q_function
        self._agent = agent
        self._collector = collector
        self._tracker = tracker
        self._recent = recent
        self._latest: dict[str, float] = {}
        self._can_log = True
        self.end_reason: str | None = None
        self.interruption: str | None = None

    def __repr__(self) -> str:
        """Return the folder, and how far the run is."""
        return f"ActiveRun({str(self.folder)!r}, env_steps={self.env_steps:,}, episodes={self.episodes:,})"

    @property
    def env_steps(self) -> int:
        """Decisions so far, summed over the environments."""
        return self._collector.env_steps

    @property
    def frames(self) -> int:
        """Emulator frames so far."""
        return self._collector.frames

    @property
    def updates(self) -> int:
        """Gradient steps so far."""
        return self._agent.learner.updates

    @property
    def episodes(self) -> int:
        """Finished training games so far."""
        return self._collector.episodes

    @property
    def scores(self) -> tuple[float, ...]:
        """Raw scores of the last training games, at most 20, the newest last."""
        return tuple(self._recent)

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of each metric that the run has logged."""
        return MappingProxyType(self._latest)

    def stop(self, reason: str, *, finished: bool = True) -> None:
        """End the run after this step; the first reason counts.

        Args:
            reason: printed, and kept in the run's history.
            finished: True evaluates a last time and finishes the run, so that only more env steps train it further.
                False ends it like Ctrl-C, so that the same call continues it.
        """
        _require_reason(reason)
        if finished:
            self.end_reason = self.end_reason or reason
        else:
            self.interrupt(f"a callback ({reason})")

    def interrupt(self, what: str) -> None:
        """End the run like Ctrl-C does; the first reason counts."""
        self.interruption = self.interruption or f"{INTERRUPTED} {what}; the same call continues"

    def log(self, metrics: Mapping[str, float]) -> None:
        """Log a row of your own to all trackers, at the present env steps.

        Raises:
            ConfigError: a name is one of the run's own or cannot be used, a value is no number, or a checkpoint has
                just been written, which would not contain the row.
        """
        if not self._can_log:
            raise ConfigError(
                "expected log in another event, got it in on_checkpoint: the checkpoint would not contain the row; "
                "log it in on_step or on_evaluation"
            )
        if row := _row(metrics):
            self._tracker.log(row, self.env_steps)

    def note(self, row: Mapping[str, float]) -> None:
        """Remember a row of the run's own."""
        self._latest.update(row)

    def forbid_rows(self, *, forbidden: bool) -> None:
        """Refuse or allow rows."""
        self._can_log = not forbidden


def require_name(name: object) -> str:
    """Return the name of a metric of the user's own.

    Raises:
        ConfigError: it cannot be used, or belongs to the run.
    """
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise ConfigError(
            f"expected the name of a metric, such as mine/score, got {describe_value(name)}: use letters, digits and "
            f"_ . - : @, groups divided by /, at most {LONGEST_NAME} characters"
        )
    if name in OWN_NAMES or name.partition("/")[0] in OWN_GROUPS:
        raise ConfigError(
            f"expected a metric of your own, got {name!r}, a name or group of the run's metrics: "
            f"call it mine/{name.rpartition('/')[2]}"
        )
    return name


def _require_reason(reason: object) -> None:
    if not isinstance(reason, str) or not reason:
        raise ConfigError(f"expected a reason as text in stop, got {describe_value(reason)}: say why the run ends")


def _row(metrics: object) -> dict[str, float]:
    if not isinstance(metrics, Mapping) or len(metrics) > MOST_METRICS:
        raise ConfigError(
            f"expected up to {MOST_METRICS} metrics by name in log, got {describe_value(metrics)}: "
            'pass a dict such as {"mine/score": 1.0}'
        )
    return {require_name(name): _number(name, value) for name, value in metrics.items()}


def _number(name: str, value: object) -> float:
    item = value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
    if not isinstance(item, Real):
        raise ConfigError(f"expected a number for the metric {name}, got {describe_value(value)}: log numbers only")
    return float(item)
