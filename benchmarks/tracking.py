"""Cost of tracking: the share of a run spent in trackers, in their measurements and in pictures.

    python benchmarks/tracking.py cartpole-dqn
    python benchmarks/tracking.py pong --env-steps 20000 --json benchmarks/results/tracking.json

The run is the preset's own, with all of its rows, evaluations, videos, artifacts and checkpoints, W&B in an offline
file and TensorBoard on. Times are CPU times of the training thread, so that other programs on the machine do not count;
W&B's own process is counted separately. A run shortened by ``--env-steps`` is projected to its whole length: the time
of each row, game or evaluation is multiplied by their number in the whole run, and compared with all env steps at the
measured pace.
"""

import json
import platform
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

import rlvision.core.memory
from rlvision.config.loading import load_config
from rlvision.learning.learner import QLearner
from rlvision.runs.media import MediaLogger
from rlvision.runs.training import train
from rlvision.tracking.console import ConsoleTracker
from rlvision.tracking.jsonl import JsonlTracker, read_metrics
from rlvision.tracking.tensorboard import TensorboardTracker
from rlvision.tracking.wandb import WandbTracker

PARTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "metrics.jsonl": (JsonlTracker, ("log",)),
    "console": (ConsoleTracker, ("log", "progress", "message")),
    "W&B begin": (WandbTracker, ("_begin",)),
    "W&B rows": (WandbTracker, ("log",)),
    "W&B artifacts": (WandbTracker, ("keep",)),
    "W&B end": (WandbTracker, ("close",)),
    "TensorBoard": (TensorboardTracker, ("log", "show")),
    "diagnostics": (QLearner, ("diagnose",)),
    "machine": (rlvision.core.memory, ("usage",)),
    "video and Q-values": (MediaLogger, ("log_evaluation",)),
    "curve": (MediaLogger, ("log_curve",)),
}
ONCE = ("W&B begin", "W&B end")
PER_EVALUATION = ("W&B artifacts", "curve")


@dataclass
class Stopwatch:
    """CPU seconds and calls by part; if one part calls another, the time counts for the inner one."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _inner: list[float] = field(default_factory=lambda: [0.0])

    def watch(self, part: str, owner: Any, name: str) -> None:
        """Time every call of a function from now on."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.thread_time()
            self._inner.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                whole = time.thread_time() - begun
                self.seconds[part] += whole - self._inner.pop()
                self.calls[part] += 1
                self._inner[-1] += whole

        setattr(owner, name, timed)


def measure(preset: str, env_steps: int | None) -> dict[str, Any]:
    """Train once, and return the report."""
    whole = load_config(preset)
    steps = env_steps or whole.env_steps
    stopwatch = Stopwatch()
    for part, (owner, names) in PARTS.items():
        for name in names:
            stopwatch.watch(part, owner, name)
    with tempfile.TemporaryDirectory() as folder:
        settings = {"env_steps": steps, "wandb": "offline", "tracking.tensorboard": True, "threads": 1}
        begun = time.thread_time()
        train(load_config(preset, {**settings, "out": f"{folder}/run"}))
        seconds = time.thread_time() - begun
        rows = read_metrics(Path(folder) / "run")
    return report(preset, steps, whole, seconds, stopwatch, rows)


def report(
    preset: str, steps: int, whole: Any, seconds: float, stopwatch: Stopwatch, rows: list[dict[str, float]]
) -> dict[str, Any]:
    """Return for each part: calls, milliseconds per call, and share of the run, measured and projected."""
    tracked = sum(stopwatch.seconds.values())
    pace = (seconds - tracked) / steps  # seconds of all else per env step
    evaluations = whole.env_steps // whole.evaluate_every
    videos = evaluations // whole.tracking.video_every + 1
    often = {part: stopwatch.calls[part] * whole.env_steps / steps for part in PARTS}
    often |= dict.fromkeys(ONCE, 1) | dict.fromkeys(PER_EVALUATION, evaluations) | {"video and Q-values": videos}
    each = {part: stopwatch.seconds[part] / max(1, stopwatch.calls[part]) for part in PARTS}
    projected = {part: each[part] * often[part] for part in PARTS}
    total = pace * whole.env_steps + sum(projected.values())
    return {
        "preset": preset,
        "env_steps": steps,
        "rows": len(rows),
        "cpu_seconds": round(seconds, 2),
        "wandb_process_cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]), 2),
        "share_measured": round(tracked / seconds, 5),
        "env_steps_of_the_whole_run": whole.env_steps,
        "share_of_the_whole_run": round(sum(projected.values()) / total, 5),
        "microseconds_per_env_step": round(sum(projected.values()) / whole.env_steps * 1e6, 2),
        "parts": {
            part: {
                "calls": stopwatch.calls[part],
                "milliseconds_each": round(each[part] * 1e3, 3),
                "share_of_the_whole_run": round(projected[part] / total, 5),
            }
            for part in PARTS
        },
    }


def main(
    preset: tyro.conf.Positional[str],
    env_steps: int | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure one preset, and add the result to a file that may hold other presets' results."""
    result = measure(preset, env_steps)
    print(json.dumps(result, indent=1))
    if json_file is not None:
        results = json.loads(json_file.read_text()) if json_file.exists() else {}
        machine = {"processor": platform.processor() or platform.machine(), "torch": torch.__version__, "threads": 1}
        json_file.write_text(json.dumps({**results, "machine": machine, preset: result}, indent=1) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
