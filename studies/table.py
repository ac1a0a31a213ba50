"""The runs of a study in one compressed file, ``STUDY/data/runs.json.gz``.

::

    settings            values of most runs: dotted name -> value
    runs
      pong-84-seed1
        settings        those that differ from the ones above
        command         trains the same run again
        sessions        versions and device of each start, and the settings that changed there
        env_steps       length of the run
        games           of training: env_steps, score, length; env, if the run recorded its games
        evaluations     during the run and at its end: env_steps, mean, low, high ...
        rows            all other stored metrics: env_steps, updates, loss ...
        played          further whole games of its last weights, as `rlvision evaluate --json` writes them

Games, evaluations and rows are columns of equal length; None stands for a missing metric.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from rlvision.config.fields import assemble, named_values, settings_of
from rlvision.config.schema import Config, defaults_for
from rlvision.core.files import write_atomically
from rlvision.learning.registry import default_settings
from rlvision.learning.settings import AgentSettings

STUDIES = Path(__file__).parent

GAMES = {"score": "episode/score", "length": "episode/length"}
EVALUATIONS = {
    "mean": "evaluate/mean",
    "median": "evaluate/median",
    "low": "evaluate/ci_low",
    "high": "evaluate/ci_high",
    "games": "evaluate/games",
}
ROWS = {
    "updates": "counters/updates",
    "frames": "counters/frames",
    "hours": "time/hours",
    "env_steps_per_second": "time/env_steps_per_second",
    "loss": "loss/td",
    "td_error": "td_error/mean_abs",
    "q_mean": "q/mean",
    "discounted_return": "q/discounted_return",
    "grad_norm": "optimiser/grad_norm",
    "gap": "bn/gap",
    "disagreement": "bn/greedy_disagreement",
    "clipped": "bn/clipped",
    "target_drift": "bn/target_drift",
    "conv1_norm": "weights/encoder.conv1",
    "conv2_norm": "weights/encoder.conv2",
    "conv3_norm": "weights/encoder.conv3",
    "head_norm": "weights/head.q",
}
"""Column -> metric of a run's ``metrics.jsonl``."""

OF_OTHER_AGENTS = ("agent.loss", "agent.quantiles")
"""Settings that runs of the first release list although their agent has none of them."""

Columns = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run: its settings, its versions and its results."""

    settings: Mapping[str, Any]
    command: str
    sessions: Sequence[Mapping[str, Any]]
    env_steps: int
    games: Columns
    evaluations: Columns
    rows: Columns
    played: Sequence[Mapping[str, Any]] = ()

    def config(self) -> Config:
        """Return the run's configuration; settings that the table does not store have their defaults."""
        usual = defaults_for(default_settings(self.settings.get("agent.name", AgentSettings().name)))
        known = settings_of(usual)
        own = {name: value for name, value in self.settings.items() if name in known or name not in OF_OTHER_AGENTS}
        return assemble(usual, named_values(own, known, "a study's table"))

    def pairs(self, name: str) -> list[tuple[float, float]]:
        """Return (env steps, value) of a column of `rows`, without the rows that lack it."""
        found = zip(self.rows["env_steps"], self.rows[name], strict=True) if name in self.rows else ()
        return [(step, value) for step, value in found if step is not None and value is not None]

    def metrics(self) -> Iterator[dict[str, float]]:
        """Yield the rows under the names of their metrics, in order, as `rlvision.tracking` reads them from a run."""
        parts = ((self.games, GAMES), (self.rows, ROWS), (self.evaluations, EVALUATIONS))
        yield from sorted(chain.from_iterable(_named(*part) for part in parts), key=lambda row: row["env_steps"])


def table_path(study: str) -> Path:
    """Return the path of a study's table."""
    return STUDIES / study / "data" / "runs.json.gz"


def read_table(path: Path) -> dict[str, RunRecord]:
    """Return the records by name; none if there is no file yet."""
    if not path.exists():
        return {}
    table = json.loads(gzip.decompress(path.read_bytes()))
    return {
        name: RunRecord(**{**run, "settings": {**table["settings"], **run["settings"]}})
        for name, run in table["runs"].items()
    }


def write_table(path: Path, records: Mapping[str, RunRecord]) -> None:
    """Write the records, sorted by name; the same records give the same bytes."""
    plain = {name: json.loads(json.dumps(asdict(records[name]))) for name in sorted(records)}
    usual = _most_common([run["settings"] for run in plain.values()])
    for run in plain.values():
        run["settings"] = {
            name: run["settings"][name]
            for name in sorted(run["settings"])
            if name not in usual or usual[name] != run["settings"][name]
        }
    text = json.dumps({"settings": usual, "runs": plain}, separators=(",", ":"))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, gzip.compress(text.encode(), compresslevel=9, mtime=0))


def _named(columns: Columns, metrics: Mapping[str, str]) -> Iterator[dict[str, float]]:
    """Yield the rows of columns, without missing values."""
    names = {"env_steps": "env_steps", **metrics}
    there = [name for name in names if name in columns]
    for values in zip(*(columns[name] for name in there), strict=True):
        yield {names[name]: value for name, value in zip(there, values, strict=True) if value is not None}


def _most_common(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the most common value of every setting that all runs have."""
    shared = sorted(set.intersection(*map(set, settings))) if settings else []
    counts = {name: Counter(json.dumps(one[name]) for one in settings) for name in shared}
    return {name: json.loads(count.most_common(1)[0][0]) for name, count in counts.items()}
