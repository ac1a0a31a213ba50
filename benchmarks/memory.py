"""Memory and disk space of a replay, and the memory of a run against the announced one.

    python benchmarks/memory.py --json benchmarks/results/memory.json     takes some minutes
    python benchmarks/memory.py --full                                    fills a million transitions: 7.1 GB
    python benchmarks/memory.py --runs quick pong-dqn                     trains, and compares the peak

Frames are those of real games with random actions: 84x84, gray, eight environments. Compressed and raw replays of the
same frames take turns, so that other load on the machine affects both alike; times are medians.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from measure.announced import announced_and_real
from measure.machine import in_words, machine
from measure.processes import resident
from measure.rounds import Rates, by_turns

from rlvision.config.loading import load_config
from rlvision.core.types import EnvSpec, EnvStep
from rlvision.envs.factory import make
from rlvision.envs.settings import EnvSettings
from rlvision.learning.schedules import Constant
from rlvision.replay.buffer import ReplayBuffer, required_bytes
from rlvision.replay.frame_store import Compression
from rlvision.replay.settings import ReplaySettings
from rlvision.runs import builders
from rlvision.runs.checkpoint import CheckpointFolder
from rlvision.runs.memory_estimate import expected_spec
from rlvision.training.trainer import AGENT_PARTS

MILLION, NUM_ENVS = 1_000_000, 8
SPEC = EnvSpec(NUM_ENVS, (4, 84, 84), 1, tuple("abcdef"), 4)
KINDS: tuple[Compression, ...] = ("none", "lz4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The measurements to make."""

    games: tuple[str, ...] = ("pong", "breakout")
    """Atari games to take frames from."""
    frames: int = 100_000
    """Frames of each game, a multiple of 8."""
    rounds: int = 7
    """Turns of each kind of replay."""
    seconds: float = 0.5
    """The shortest turn, in seconds."""
    full: bool = False
    """Only fill a replay of a million transitions."""
    runs: tuple[str, ...] = ()
    """Only train these presets until the replay is full."""
    json: Path | None = None
    """File to add the numbers to; numbers of other parts stay in it."""


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    torch.set_num_threads(1)
    print(in_words(machine()))
    if options.full:
        found = {"full": full()}
    elif options.runs:
        found = {"runs": {preset: announced_and_real(preset) for preset in options.runs}}
    else:
        games = {game: compare(game, options) for game in options.games}
        found = {"reckoned": reckoned(), "games": games, "checkpoint_without_replay": checkpoint_seconds()}
    print(json.dumps(found, indent=1))
    if options.json is not None:
        before = json.loads(options.json.read_text()) if options.json.exists() else {}
        options.json.write_text(json.dumps({**before, "machine": machine(), **found}, indent=1) + "\n")


def reckoned() -> dict[str, int]:
    """Return the bytes of a million transitions by `required_bytes`."""
    return {
        f"{kind}, {'prioritised' if prioritised else 'uniform'}": required_bytes(
            ReplaySettings(capacity=MILLION, prioritised=prioritised, compression=kind), SPEC
        )
        for kind in KINDS
        for prioritised in (False, True)
    }


def compare(game: str, options: Options) -> dict[str, Any]:
    """Compare raw and compressed replays of the same frames: bytes and seconds; their batches must be equal."""
    replays = {kind: new_replay(options.frames, kind) for kind in KINDS}
    for step in steps(game, options.frames // NUM_ENVS):
        for replay in replays.values():
            replay.add(step)
    require_equal(replays)
    sampling = by_turns({kind: Sampling(replay) for kind, replay in replays.items()}, options.rounds, options.seconds)
    last = list(steps(game, 400))
    adding = by_turns({kind: Adding(replay, last) for kind, replay in replays.items()}, options.rounds, options.seconds)
    return {
        "frames": options.frames,
        "bytes_per_transition": {kind: replay.nbytes / options.frames for kind, replay in replays.items()},
        "bytes_of_a_million": {
            kind: round(replay.nbytes / options.frames * MILLION) for kind, replay in replays.items()
        },
        "milliseconds_per_batch_of_32": milliseconds(sampling),
        "milliseconds_per_row_of_8": milliseconds(adding),
        "disk": {kind: disk(replay, options.frames) for kind, replay in replays.items()},
    }


def new_replay(capacity: int, kind: Compression) -> ReplayBuffer:
    """Return a replay for four stacked frames of 84x84 from eight environments."""
    settings = ReplaySettings(
        capacity=capacity, compression=kind, batch_size=32, samples_per_env_step=8, learning_starts=0
    )
    return ReplayBuffer(
        settings,
        SPEC,
        n_step=Constant(10),
        gamma=Constant(0.99),
        beta=Constant(0.4),
        generator=torch.Generator().manual_seed(0),
    )


def steps(game: str, rows: int) -> Iterator[EnvStep]:
    """Yield the rows of eight games with random actions."""
    env = make(EnvSettings(game=game, height=84, width=84), NUM_ENVS)
    random = np.random.default_rng(0)
    env.reset(0)
    for _ in range(rows):
        yield env.step(random.integers(0, env.spec.num_actions, NUM_ENVS))
    env.close()


def require_equal(replays: dict[Compression, ReplayBuffer]) -> None:
    raw, packed = (replays[kind].sample() for kind in KINDS)
    if not all(
        torch.equal(getattr(raw.transition, name), getattr(packed.transition, name))
        for name in ("observation", "next_observation", "reward", "discount", "action")
    ):
        sys.exit("expected the same batch from a packed replay, got another")


@dataclass(frozen=True, slots=True)
class Sampling:
    """A case that samples one batch per call."""

    replay: ReplayBuffer

    def __call__(self) -> float:
        self.replay.sample()
        return 1.0


@dataclass(frozen=True, slots=True)
class Adding:
    """A case that adds a few hundred rows per call."""

    replay: ReplayBuffer
    steps: list[EnvStep]

    def __call__(self) -> float:
        for step in self.steps:
            self.replay.add(step)
        return float(len(self.steps))


def milliseconds(rates: dict[str, Rates]) -> dict[str, float]:
    return {name: round(1e3 * rate.seconds, 3) for name, rate in rates.items()}


def disk(replay: ReplayBuffer, frames: int) -> dict[str, float]:
    """Measure saving all rows, and loading them into a raw replay."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        manifest = replay.save_rows(folder)
        saved = time.perf_counter()
        new_replay(frames, "none").load_rows(folder, manifest)
        loaded = time.perf_counter()
        nbytes = sum(path.stat().st_size for path in folder.iterdir())
    return {"bytes_per_frame": nbytes / frames, "save_seconds": saved - began, "load_seconds": loaded - saved}


def checkpoint_seconds() -> dict[str, float]:
    """Return the seconds that a checkpoint of pong without its replay stops training."""
    config = load_config("pong-dqn", {"replay.capacity": 1_000, "replay.learning_starts": 1_000, "device": "cpu"})
    agent = builders.make_agent(config, expected_spec(config))
    for step in steps("pong", 60):
        agent.memory.add(step)
    agent.learner.update(agent.memory.sample())
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        folder = CheckpointFolder(Path(name), keep=2)
        for number in range(7):
            began = time.perf_counter()
            parts = {part: getattr(agent, part).state_dict() for part in AGENT_PARTS}
            state = {"trainer": {"agent": parts}, "online": agent.network.state_dict()}
            folder.save(number, state)
            seconds.append(time.perf_counter() - began)
        nbytes = folder.paths()[-1].stat().st_size
    return {"median_seconds": float(np.median(seconds)), "most_seconds": max(seconds), "bytes": nbytes}


def full() -> dict[str, Any]:
    """Fill a million transitions, and touch every byte of them."""
    distinct = list(steps("pong", 2_000))
    before, began = resident(os.getpid()), time.perf_counter()
    replay = new_replay(MILLION, "none")
    for row in range(MILLION // NUM_ENVS):
        replay.add(distinct[row % len(distinct)])
    seconds, grown = time.perf_counter() - began, resident(os.getpid()) - before
    replay.sample()
    return {"nbytes": replay.nbytes, "resident_grew_by": grown, "at_most": 7_500_000_000, "fill_seconds": seconds}


if __name__ == "__main__":
    main()
