"""Rows that go to metrics.jsonl and to W&B, and a process that is killed while it logs them."""

import math
import os
import signal
import time
from pathlib import Path
from typing import Any

from rlvision.tracking.jsonl import JsonlTracker
from rlvision.tracking.trackers import MultiTracker
from rlvision.tracking.wandb import WandbTracker


def trackers(folder: Path, mode: Any = "offline") -> MultiTracker:
    return MultiTracker({"files": JsonlTracker(folder), "wandb": WandbTracker(mode, folder, {})})


def log(group: MultiTracker, numbers: range) -> None:
    """Rows as a run makes them: several after the same number of env steps, not all of them finite."""
    for number in numbers:
        value = (1 / (number + 1), math.nan, -math.inf)[number % 3]
        group.log({"loss/td": value, f"episode/{number % 2}": float(number)}, env_steps=number // 2 * 10)


def children() -> list[int]:
    """The processes that this one started."""
    return [int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]


def run_until_killed(folder: Path, saved: int, logged: int, whom: str) -> None:
    """Log so many rows with a checkpoint in between, and never get to the end."""
    os.setsid()
    group = trackers(folder)
    log(group, range(saved))
    (folder / "checkpoint").write_text(repr(group.state_dict()))
    if whom == "everything":
        for pid in children():
            os.kill(pid, signal.SIGSTOP)  # W&B's own process does not come to write what follows
    log(group, range(saved, logged))
    if whom == "process":
        time.sleep(1.2)  # W&B's own process writes once a second, and dies with this one
        os.kill(os.getpid(), signal.SIGKILL)
    os.killpg(0, signal.SIGKILL)
