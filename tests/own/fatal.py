"""Runs that kill themselves at a chosen call: as SIGKILL does, with no word and no handler."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch

import rlvision.nn.target_network
import rlvision.replay.persistence
import rlvision.runs.checkpoint
import rlvision.runs.media
import rlvision.runs.training
from rlvision.cli.main import main
from rlvision.config.loading import save_config
from rlvision.config.schema import Config
from rlvision.core.files import PART
from rlvision.envs.vector_env import ReplayableVectorEnv
from rlvision.evaluation.scheduler import EpisodeScheduler
from rlvision.learning.learner import QLearner
from rlvision.replay.buffer import ReplayBuffer
from rlvision.tracking.jsonl import JsonlTracker
from rlvision.training.collector import Collector

PLACES: dict[str, tuple[Any, str]] = {
    "an update": (QLearner, "update"),
    "an optimiser's step": (torch.optim.Adam, "step"),
    "a target sync": (rlvision.nn.target_network, "_copy"),  # parameters, then buffers
    "an evaluation": (EpisodeScheduler, "step"),
    "a step of the environments": (Collector, "_add"),
    "an update of priorities": (ReplayBuffer, "update_priorities"),
    "a row of metrics": (JsonlTracker, "log"),
    "the rows of the replay": (rlvision.replay.persistence, "crc32"),
    "a flush to the disk": (os, "fsync"),
    "a rename": (os, "replace"),
    "a deletion": (os, "unlink"),
    "the action logs": (ReplayableVectorEnv, "load_state_dict"),
    "half a checkpoint": (rlvision.runs.checkpoint, "write_atomically"),
}
"""Where to be killed: just before the n-th call of this."""


def train_until(config: Config, place: str, nth: int) -> None:
    """Train, and be killed at the n-th time of a place; the end of the run may come first."""
    rlvision.runs.media.draw_curve = lambda folder: folder / "curve.png"
    owner, name = PLACES[place]
    setattr(owner, name, _mortal(getattr(owner, name), nth, place == "half a checkpoint"))
    rlvision.runs.training.train(config)


def train_by_command(config: Config, said: Path) -> None:
    """Train by the command line, which writes its words to a file."""
    path = Path(config.out).with_suffix(".yaml")
    save_config(config, path)
    with said.open("w") as file, redirect_stdout(file):
        sys.exit(main(["train", str(path)]))


def _mortal(function: Callable[..., Any], nth: int, half: bool) -> Callable[..., Any]:
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            if half:
                path, content = args
                path.with_name(f".{path.name}{PART}").write_bytes(content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return call
