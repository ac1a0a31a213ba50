"""Dead units of a trained network: ReLUs that are zero in every state.

    OMP_NUM_THREADS=1 python -m studies.batchnorm.dead_units --runs runs/my-run pong

A unit whose input is always negative passes neither a value nor a gradient, so it never recovers. The table has the
share of such units at each level, measured in states of the agent's own games with some random actions. It also has
the spread of the value, the largest Q-value, over these states; the spread is zero if a whole level is dead.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.measure.machine import machine
from rlvision.core.errors import RLVisionError
from rlvision.core.types import UInt8Array
from rlvision.features.maps import feature_maps
from rlvision.runs.run import Run
from studies.batchnorm.observing import observe


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The agents, and the states to measure in."""

    runs: tuple[str, ...]
    """Run folders, exports, or bundled agents; of a run, the best weights."""
    observations: int = 200
    """Number of states from each agent's own games."""
    random_actions: float = 0.3
    """Share of random actions in these games."""
    seed: int = 1
    """Seed of the games and of the random actions."""
    json: Path | None = None
    """Write the numbers to this file as well."""


@dataclass(frozen=True, slots=True)
class Found:
    """The results of one agent."""

    dead: Mapping[str, float]
    """Level -> share of its units that are zero in every state."""
    value_spread: float
    """Standard deviation of the value over the states."""


def look(run: Run, observations: UInt8Array) -> Found:
    """Measure the network in states [N, C, H, W]."""
    responds: dict[str, UInt8Array] = {}
    for observation in observations:
        for level, maps in feature_maps(run.network, observation[None]).items():
            now = (maps > 0).any(axis=(1, 2))
            responds[level] = responds.get(level, np.zeros_like(now)) | now
    dead = {level: 1.0 - float(units.mean()) for level, units in responds.items()}
    return Found(dead, float(run.q_values(observations).max(axis=1).std()))


def report(found: Mapping[str, Found]) -> Table:
    """Return the results as a table."""
    levels = list(dict.fromkeys(level for one in found.values() for level in one.dead))
    table = Table("agent", *(f"dead, {level}" for level in levels), "spread of the value")
    for name, one in found.items():
        shares = [f"{one.dead[level]:.0%}" if level in one.dead else "" for level in levels]
        table.add_row(name, *shares, f"{one.value_spread:.3f}")
    return table


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    try:
        found = {}
        for name in options.runs:
            run = Run(name, device="cpu")
            found[name] = look(run, observe(run, options.observations, options.seed, options.random_actions))
    except RLVisionError as error:
        sys.exit(str(error))
    Console().print(report(found))
    if options.json is not None:
        settings = {key: getattr(options, key) for key in ("observations", "random_actions", "seed")}
        agents = {name: asdict(one) for name, one in found.items()}
        written = {"machine": machine(), "settings": settings, "agents": agents}
        options.json.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
