"""The share of DN's initial features that differs between states, by normalisation.

    OMP_NUM_THREADS=1 python -m studies.batchnorm.start
    OMP_NUM_THREADS=1 python -m studies.batchnorm.start --agent breakout --arms fixed layer

Q-values tell states apart by what differs between their features. The number is the variance of the features over
states, divided by their mean square: 0 if all states look alike. The weights are initial ones, and the states are those
of random games. Statistics are calibrated as before the first update.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.measure.machine import machine
from rlvision.config.fields import assemble
from rlvision.core.errors import RLVisionError
from rlvision.nn.encoder_base import as_float
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import make_q_network
from rlvision.nn.target_network import recalibrate
from rlvision.runs.run import Run
from studies.batchnorm.observing import observe

BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The world whose states are shown to new networks."""

    agent: str = "pong"
    """A run, an export, or a bundled agent, whose world is played at random."""
    arms: tuple[str, ...] = ("layer", "group", "none", "fixed", "renorm")
    """Values of network.norm."""
    observations: int = 512
    """Number of states."""
    seed: int = 1
    """Seed of the games and of the initial weights."""
    json: Path | None = None
    """Write the numbers to this file as well."""


def differing_share(features: Tensor) -> float:
    """Return the variance over states of features [N, F], divided by their mean square."""
    return float(features.var(dim=0, correction=0).mean() / features.square().mean())


def new_network(run: Run, norm: str, observations: Tensor, seed: int) -> QNetwork:
    """Return a new DN for the world of a run, its statistics measured on the observations."""
    torch.manual_seed(seed)
    network = make_q_network(assemble(run.config, {"network.norm": norm}).network, run.spec)
    recalibrate(network, torch.split(observations, BATCH))
    return network.eval()


@torch.no_grad()
def measure(options: Options) -> dict[str, float]:
    """Return the share of each arm."""
    run = Run(options.agent, device="cpu")
    observations = torch.from_numpy(observe(run, options.observations, options.seed, random_actions=1.0))
    networks = {norm: new_network(run, norm, observations, options.seed) for norm in options.arms}
    return {norm: differing_share(network.encoder(as_float(observations))) for norm, network in networks.items()}


def report(found: Mapping[str, float]) -> Table:
    """Return the results as a table."""
    table = Table("network.norm", "share that differs between states")
    for norm, share in found.items():
        table.add_row(norm, f"{share:.2%}")
    return table


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    if unknown := set(options.arms) - set(NORM_VARIANTS):
        sys.exit(f"expected arms out of {', '.join(NORM_VARIANTS)}, got {', '.join(sorted(unknown))}: choose of these")
    try:
        found = measure(options)
    except RLVisionError as error:
        sys.exit(str(error))
    Console().print(report(found))
    if options.json is not None:
        settings = {key: getattr(options, key) for key in ("agent", "observations", "seed")}
        written = {"machine": machine(), "settings": settings, "arms": found}
        options.json.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
