"""Speed at which DN fits known Q-values with each normalisation, without bootstrapping or exploration.

    OMP_NUM_THREADS=1 python -m studies.batchnorm.fit
    OMP_NUM_THREADS=1 python -m studies.batchnorm.fit --agent runs/my-run --arms renorm running --updates 4000

A trained agent plays, with three of ten actions at random. A new network of the same kind is trained to its Q-values,
by the squared error and with the optimiser of the agent's run. Every arm gets the same batches of 32 in the same
order. The arms are those of `studies.batchnorm.study`. The output is the share of the Q-values' variance that stays
unexplained, in evaluation mode and in games that no arm was trained on; a constant leaves 1.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from benchmarks.measure.machine import machine
from rlvision.config.fields import assemble
from rlvision.config.schema import Config
from rlvision.core.errors import RLVisionError
from rlvision.core.memory import keep_freed_memory
from rlvision.learning.optimisers import make_optimiser
from rlvision.nn.fusion import fuse_conv_bn, to_channels_last_float
from rlvision.nn.norm_variants import MOMENTUM
from rlvision.nn.target_network import OnlineTargetActor
from rlvision.runs import builders
from rlvision.runs.run import Run
from studies.batchnorm.observing import observe
from studies.batchnorm.plan import ARMS, EXPERIMENTS, HERE, Overrides

BATCH = 32
RANDOM_ACTIONS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The agent whose Q-values are fitted, and the networks that fit them."""

    agent: str = str(HERE / "agents" / "pong-fast-seed2")
    """A run, an export, or a bundled agent."""
    arms: tuple[str, ...] = ("renorm", "running", "frozen", "fixed", "layer", "none")
    """Arms and experiments of the study that differ in settings of the network or the optimiser."""
    learning_rate: float = 5e-4
    """Learning rate of the optimiser."""
    updates: int = 1_000
    """Updates of each arm."""
    observations: int = 8_192
    """Observations to train on; a quarter as many more are used for the test."""
    seed: int = 1
    """Seed of the games and of the initial weights."""
    json: Path | None = None
    """Write the numbers to this file as well."""


@dataclass(frozen=True, slots=True)
class Known:
    """Observations [M, C, H, W] and their Q-values [M, A]."""

    observations: Tensor
    q_values: Tensor


def load(agent: str) -> Run:
    """Load the agent, whose network must be one that the arms can replace."""
    try:
        run = Run(agent, device="cpu")
    except RLVisionError as error:
        sys.exit(str(error))
    if run.config.network.encoder != "dn":
        sys.exit(f"expected an agent of DN, which the arms normalise, got {run.config.network.encoder}: choose another")
    return run


def known(run: Run, count: int, seed: int) -> Known:
    """Return observations of the agent's own games, and its Q-values."""
    observations = observe(run, count, seed, RANDOM_ACTIONS)
    q_values = [run.q_values(part) for part in np.array_split(observations, max(1, count // 64))]
    return Known(torch.from_numpy(observations), torch.from_numpy(np.concatenate(q_values)))


def fit(config: Config, run: Run, train: Known, updates: int) -> Iterator[OnlineTargetActor]:
    """Train a new network, and yield it after each update."""
    networks = OnlineTargetActor(builders.make_network(config, run.spec))
    draws = torch.Generator().manual_seed(config.seed)
    batches = [torch.randint(len(train.observations), (BATCH,), generator=draws) for _ in range(updates)]
    networks.calibrate(train.observations[rows] for rows in batches[: config.network.calibration_batches])
    how = config.optimiser
    groups = [{"params": list(networks.online.parameters())}]
    optimiser = make_optimiser(how, groups)
    for rows in batches:
        error = networks.online(to_channels_last_float(train.observations[rows])).q_values - train.q_values[rows]
        optimiser.zero_grad()
        error.square().mean().backward()
        optimiser.step()
        yield networks


@torch.no_grad()
def unexplained(networks: OnlineTargetActor, test: Known) -> float:
    """Return the share of the Q-values' variance that the network in evaluation mode does not explain."""
    actor = fuse_conv_bn(networks.actor)
    parts = [actor(to_channels_last_float(part)).q_values for part in test.observations.split(64)]
    return ((torch.cat(parts) - test.q_values).var() / test.q_values.var()).item()


def configs(options: Options, base: Config) -> dict[str, Config]:
    """Return the settings of each arm."""
    known_arms = ARMS | EXPERIMENTS
    if strangers := sorted(set(options.arms) - set(known_arms)):
        sys.exit(f"expected arms out of {', '.join(known_arms)}, got {', '.join(strangers)}: choose some of these")
    same: Overrides = {
        "seed": options.seed,
        "device": "cpu",
        "network.momentum": MOMENTUM,  # the study's, not the agent's
        "optimiser.learning_rate": options.learning_rate,
    }
    return {arm: assemble(base, {**same, **known_arms[arm]}) for arm in options.arms}


def milestones(updates: int) -> list[int]:
    """Return the numbers of updates after which the networks are tested, including the last one."""
    return sorted({*(n for n in (100, 250, 500, *range(1_000, updates, 1_000)) if n < updates), updates})


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    keep_freed_memory()  # as training does
    run = load(options.agent)
    marks = milestones(options.updates)
    arms = configs(options, run.config)
    train = known(run, options.observations, options.seed)
    test = known(run, options.observations // 4, options.seed + 1)
    table = Table("arm", *(f"{updates:,} updates" for updates in marks), title=f"unexplained variance, {options.agent}")
    results: dict[str, dict[int, float]] = {}
    for arm, config in arms.items():
        learning = track(fit(config, run, train, options.updates), arm, options.updates, transient=True)
        results[arm] = {n: unexplained(networks, test) for n, networks in enumerate(learning, 1) if n in marks}
        table.add_row(arm, *(f"{share:.3f}" for share in results[arm].values()))
    Console().print(table)
    if options.json is not None:
        settings = {name: value for name, value in asdict(options).items() if name != "json"}
        report = {"machine": machine(), "settings": settings, "unexplained": results}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
