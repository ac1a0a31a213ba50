"""Installations of rlvision in other environments, measured in turn: an older version beside a newer one.

Each is the command ``rlvision train`` in a process of its own, by the words that all versions share. The process is
stopped (SIGSTOP) while another one has its turn, so that only one runs while a slice is timed. Progress is read off its
``metrics.jsonl``, a row every so many env steps: a slice is timed from row to row.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from contenders.work import Work

LOOK_SECONDS = 0.002
FOREVER = 10**9


@dataclass(frozen=True, slots=True)
class Tree:
    """A name, and the Python of the environment in which its rlvision is installed."""

    name: str
    python: Path


def read_tree(text: str) -> Tree:
    """``NAME:PYTHON``, such as ``old:/tmp/old/bin/python``."""
    name, colon, python = text.partition(":")
    if not (name and colon and Path(python).is_file()):
        sys.exit(f"expected --tree=NAME:PYTHON with the Python of an environment, got {text}: check the path")
    return Tree(name, Path(python))


@dataclass
class TreeProcess:
    """A run in training, stopped unless it is its turn.

    Args:
        tree: which rlvision.
        work: what to train.
        row_every: env steps between two rows of metrics.
    """

    tree: Tree
    work: Work
    row_every: int
    slices: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = (Path(self._folder.name) / "log.txt").open("wb")
        self._process = subprocess.Popen(
            [str(self.tree.python), "-P", "-m", "rlvision", *self._arguments()],
            cwd=self._folder.name,
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
        )

    def warm_up(self) -> None:
        """Wait until it has learned for a while, and stop it."""
        self._wait_for(self.work.prefill + 2 * self.row_every)
        self._stop()

    def train(self, env_steps: int) -> None:
        """Let it go on until it has made a slice, timed from the first row to the last."""
        before, began_cpu = self._newest(), self._cpu_seconds()
        self._process.send_signal(signal.SIGCONT)
        first = self._wait_for(before["env_steps"] + 1)  # the row under way, which holds the pause
        began = time.perf_counter()
        last = self._wait_for(first["env_steps"] + env_steps)
        seconds = time.perf_counter() - began
        self._stop()
        made = last["env_steps"] - first["env_steps"]
        whole = last["env_steps"] - before["env_steps"]
        self.slices.append({"env_steps": made, "seconds": seconds, "updates": last["updates"] - first["updates"]})
        self.slices[-1]["cpu_seconds"] = (self._cpu_seconds() - began_cpu) * made / whole

    def close(self) -> None:
        """End the run, whose folder goes with it."""
        self._process.kill()
        self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def _arguments(self) -> list[str]:
        work = self.work
        settings = {
            "out": "run",
            "env-steps": FOREVER,
            "evaluate-every": 0,
            "checkpoint-every": 0,
            "wandb": "disabled",
            "device": work.device,
            "precision": work.precision,
            "env.game": work.game,
            "env.num-envs": work.num_envs,
            "network.encoder": work.network,
            "replay.capacity": work.capacity,
            "replay.batch-size": work.batch_size,
            "replay.samples-per-env-step": work.samples_per_env_step,
            "replay.learning-starts": work.prefill,
            "agent.double": "false",
            "agent.n-step": 1,
            "agent.target-period": work.target_period,
            "exploration.start": work.epsilon,
            "exploration.end": work.epsilon,
            "tracking.log-every": self.row_every,
            "tracking.video-every": 0,
        }
        if work.network == "dn":
            settings["network.norm"] = "running" if work.norm == "batch" else "none"
        if work.threads is not None:
            settings["threads"] = work.threads
        return ["train", "atari", *(f"--{name}={value}" for name, value in settings.items())]

    def _wait_for(self, env_steps: int) -> dict[str, float]:
        """The first row of training at or after so many env steps."""
        while (row := self._newest())["env_steps"] < env_steps:
            if self._process.poll() is not None:
                log = (Path(self._folder.name) / "log.txt").read_text(errors="replace")
                sys.exit(f"{self.tree.name} ended with exit code {self._process.returncode}:\n{log[-2000:]}")
            time.sleep(LOOK_SECONDS)
        return row

    def _newest(self) -> dict[str, float]:
        path = Path(self._folder.name) / "run" / "metrics.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        rows = (json.loads(line) for line in reversed(lines))
        row = next((row for row in rows if "counters/updates" in row), {})
        return {"env_steps": row.get("env_steps", 0), "updates": row.get("counters/updates", 0)}

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def _cpu_seconds(self) -> float:
        """Processor time of the process and its threads so far."""
        values = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def measure_trees(trees: list[Tree], work: Work, rounds: int, env_steps: int) -> dict[str, Any]:
    """Train slices of every tree in turn, and return what came of it."""
    processes = [TreeProcess(tree, work, row_every=max(work.num_envs, env_steps // 5)) for tree in trees]
    try:
        for process in processes:  # they import and warm up at the same time
            process.warm_up()
        for _ in range(rounds):
            for process in processes:
                process.train(env_steps)
    finally:
        for process in processes:
            process.close()
    return {
        "trees": {process.tree.name: rates_of(process.slices) for process in processes},
        "ratios": ratios(processes),
    }


def rates_of(slices: list[dict[str, float]]) -> dict[str, Any]:
    """Env steps per second of the clock and of all processors, over the slices."""
    seconds = [one["env_steps"] / one["seconds"] for one in slices]
    cpu = [one["env_steps"] / one["cpu_seconds"] for one in slices]
    return {"env_steps_per_second": median(seconds), "of_rounds": seconds, "env_steps_per_cpu_second": median(cpu)}


def ratios(processes: list[TreeProcess]) -> dict[str, dict[str, float]]:
    """How many times faster than the first each is: of medians, by processor time, and the extremes of the rounds."""
    first, *others = [(process.tree.name, rates_of(process.slices)) for process in processes]
    return {
        f"{name} / {first[0]}": {
            "of_medians": rates["env_steps_per_second"] / first[1]["env_steps_per_second"],
            "by_cpu_time": rates["env_steps_per_cpu_second"] / first[1]["env_steps_per_cpu_second"],
            "smallest": min(a / b for a, b in zip(rates["of_rounds"], first[1]["of_rounds"], strict=True)),
            "largest": max(a / b for a, b in zip(rates["of_rounds"], first[1]["of_rounds"], strict=True)),
        }
        for name, rates in others
    }


def show_trees(report: dict[str, Any]) -> None:
    """Print a row a tree, and the ratios."""
    print(f"{'':24}{'env steps/s':>12}{'(rounds)':>18}{'per CPU second':>16}")
    for name, rates in report["trees"].items():
        rounds = f"{min(rates['of_rounds']):.0f} to {max(rates['of_rounds']):.0f}"
        print(f"{name:24}{rates['env_steps_per_second']:12.1f}{rounds:>18}{rates['env_steps_per_cpu_second']:16.1f}")
    for name, one in report["ratios"].items():
        print(f"{name}: {one['of_medians']:.3f} (rounds: {one['smallest']:.2f} to {one['largest']:.2f}; ", end="")
        print(f"by processor time: {one['by_cpu_time']:.3f})")
