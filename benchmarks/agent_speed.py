"""Env steps per second of rlvision's agents, in turn in one process, with one network, game and precision.

    python benchmarks/agent_speed.py
    python benchmarks/agent_speed.py --agents dqn pqn --rounds 9 --json agent_speed.json

Each agent trains as `rlvision train` trains it: with the settings of a preset, its own defaults where the preset's
belong to another agent, and its metrics in a file. DQN learns from 8 samples per env step, PQN from 2. All agents take
turns, so that other load on the machine affects all alike. The report has medians over the rounds, and the ratio to the
first agent with its smallest and largest round.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import tyro
from contenders.rlvision_dqn import FOREVER, TrainerLoop
from measure.machine import in_words, machine

from rlvision.config.loading import load_config

NUM_ENVS = {"pqn": 32}
"""Environments of an agent that needs many; the others have those of the preset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The measurements to make."""

    agents: tuple[str, ...] = ("dqn", "pqn")
    """Agents, by name; the first one is what the others are compared with."""
    preset: str = "pong-dqn"
    """Preset of the game and of the network."""
    norm: str = "layer"
    """Normalisation of the network."""
    num_envs: int | None = None
    """Environments of every agent; unset, the preset's, and 32 for pqn."""
    rounds: int = 7
    """Turns of each agent."""
    seconds: float = 4.0
    """The shortest turn, in seconds."""
    json: Path | None = None
    """File to write all numbers to."""


class Measured:
    """An agent in training, and the speed of each of its turns."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        overrides: dict[str, Any] = {
            "agent.name": name,
            "env_steps": FOREVER,
            "evaluate_every": 0,
            "checkpoint_every": 0,
            "network.norm": options.norm,
            "exploration.start": 0.05,  # so that the network acts at every step
            "exploration.end": 0.05,
            "exploration.final": None,
            "exploration.final_env_steps": None,
        }
        if num_envs := options.num_envs or NUM_ENVS.get(name):
            overrides["env.num_envs"] = num_envs
        self.config = load_config(options.preset, overrides)
        self.loop = TrainerLoop(self.config)
        self.rates: list[float] = []

    def warm_up(self) -> None:
        """Train until some updates have been made."""
        while self.loop.updates < 8:
            self.loop.trainer.step()

    def turn(self, seconds: float) -> None:
        """Train for a while, and note the env steps per second; agents with rollouts make whole ones."""
        began, before, updates = time.perf_counter(), self.loop.collector.env_steps, self.loop.updates
        while time.perf_counter() < began + seconds or self.loop.updates == updates or not self._is_between_rollouts():
            self.loop.trainer.step()
        self.rates.append((self.loop.collector.env_steps - before) / (time.perf_counter() - began))

    def _is_between_rollouts(self) -> bool:
        rows = self.loop.agent.rows_until_due
        return rows is None or rows() == getattr(self.config.agent, "rollout_steps", None)


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    measured = [Measured(name, options) for name in options.agents]
    for one in measured:
        one.warm_up()
    for _ in range(options.rounds):
        for one in measured:
            one.turn(options.seconds)
    for one in measured:
        one.loop.close()
    report = make_report(options, measured)
    show(report)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2, default=str) + "\n")


def make_report(options: Options, measured: list[Measured]) -> dict[str, Any]:
    first = measured[0].rates
    agents = {}
    for one in measured:
        ratios = [rate / base for rate, base in zip(one.rates, first, strict=True)]
        agents[one.name] = {
            "env_steps_per_second": median(one.rates),
            "ratio": median(one.rates) / median(first),
            "smallest": min(ratios),
            "largest": max(ratios),
            "num_envs": one.config.env.num_envs,
            "frames": [one.config.env.height, one.config.env.width],
            "rates": one.rates,
        }
    return {"agents": agents, "options": asdict(options), "norm": options.norm, "machine": machine()}


def show(report: dict[str, Any]) -> None:
    print(f"{in_words(report['machine'])}; norm {report['norm']}\n")
    print(f"{'agent':12}{'environments':>14}{'env steps/s':>14}{'ratio':>8}   (rounds)")
    for name, one in report["agents"].items():
        print(f"{name:12}{one['num_envs']:14}{one['env_steps_per_second']:14.0f}{one['ratio']:8.2f}", end="")
        print(f"   {one['smallest']:.2f} to {one['largest']:.2f}")


if __name__ == "__main__":
    main()
