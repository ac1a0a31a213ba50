"""How many units of a trained network are dead: ReLUs that no state makes respond.

    OMP_NUM_THREADS=1 python -m studies.batchnorm.dead_units --runs runs/my-run pong

A unit whose input is negative everywhere in every state passes neither a value nor a gradient, so it stays as it is.
The table has the share of such units at each level, in states of the agent's own games in which some actions are
random, and how much the value, the largest Q-value, differs from state to state: not at all where a level is dead.
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
    """Who is looked at, and in which states."""

    runs: tuple[str, ...]
    """Run folders, exports, or bundled agents; the best weights of each, where a run has several."""
    observations: int = 200
    """States of each agent's own games."""
    random_actions: float = 0.3
    """Share of random actions in them."""
    seed: int = 1
    """Of the games and of the random actions."""
    json: Path | None = None
    """Write the numbers to this file as well."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one agent."""

    dead: Mapping[str, float]
    """Level -> share of its units that no state made respond."""
    value_spread: float
    """Standard deviation of the value over the states."""


def look(run: Run, observations: UInt8Array) -> Found:
    """Look at the network in states [N, C, H, W]."""
    responds: dict[str, UInt8Array] = {}
    for observation in observations:
        for level, maps in feature_maps(run.network, observation[None]).items():
            now = (maps > 0).any(axis=(1, 2))
            responds[level] = responds.get(level, np.zeros_like(now)) | now
    dead = {level: 1.0 - float(units.mean()) for level, units in responds.items()}
    return Found(dead, float(run.q_values(observations).max(axis=1).std()))


def report(found: Mapping[str, Found]) -> Table:
    """For people."""
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
