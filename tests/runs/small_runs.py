"""Runs that take a second, stopped where a test wants them to stop, and compared bit for bit."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rlvision.runs.media
import rlvision.runs.run
import rlvision.runs.session
from rlvision.config.loading import load_config
from rlvision.config.schema import Config
from rlvision.envs.counting_env import CountingEnv, Picture
from rlvision.envs.game_archive import archive_files
from rlvision.runs.checkpoint import read_state
from rlvision.runs.run import Session
from rlvision.training.collector import Collector

CARTPOLE = {
    "env.game": "CartPole-v1",
    "env.crop": [160, 320, 0, 600],
    "env.height": 32,
    "env.width": 40,
    "env.stack": 2,
    "env.frameskip": 1,
    "env.max_pool": False,
}
COUNTING = {
    "env.game": "rlvision.envs.counting_env:CountingEnv",
    "env.crop": None,
    "env.height": 32,
    "env.width": 32,
    "env.stack": 2,
    "env.frameskip": 1,
    "env.max_pool": False,
}
PONG = {
    "env.game": "pong",
    "env.crop": None,
    "env.height": 36,
    "env.width": 36,
    "env.frameskip": 4,
    "env.max_pool": True,
    "env.stack": 2,
    "env.sticky": 0.25,
    "env.max_episode_frames": 160,
    "evaluate_every": 90,
    "evaluation.games": 1,  # a seeded reset takes a seventh of a second
}
BREAKOUT = {**PONG, "env.game": "breakout", "env.life_loss": True, "env.reseed_after": 60}
PRIORITISED = {"replay__prioritised": True, "replay__beta": 0.5}
END = 160
SMALL = {
    "wandb": "disabled",
    "threads": 1,
    "precision": "float32",
    "device": "cpu",
    "env_steps": END,
    "evaluate_every": 60,
    "checkpoint_every": 40,
    "env.num_envs": 2,
    "replay.capacity": 96,  # overwritten within the run
    "replay.batch_size": 8,
    "replay.learning_starts": 24,
    "replay.samples_per_env_step": 1,
    "network.calibration_batches": 2,
    "agent.n_step": 2,
    "agent.target_period": 7,
    "exploration.end": 0.3,
    "exploration.decay_env_steps": 100,
    "evaluation.games": 2,
    "tracking.log_every": 30,
    "tracking.video_every": 0,
}


class Drifting(CountingEnv):
    """A world that does not repeat itself."""

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        picture, *rest = super().step(action)
        picture[-1, -1] = os.urandom(1)[0]
        return picture, *rest


def small(out: Path, world: Mapping[str, Any] = COUNTING, **settings: Any) -> Config:
    """A run in ``out``; settings by dotted name with ``__`` for the dot."""
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return load_config("quick", {**SMALL, **world, "out": str(out), **named})


class Watched:
    """The sessions that `rlvision.runs.run.train` has made since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sessions: list[Session] = []
        monkeypatch.setattr(rlvision.runs.run, "Session", self._make)
        monkeypatch.setattr(
            rlvision.runs.media, "draw_curve", lambda folder: folder / "curve.png"
        )  # half a second each

    def _make(self, *args: Any) -> Session:
        self.sessions.append(Session(*args))
        return self.sessions[-1]

    @property
    def collector(self) -> Collector:
        """The newest session's."""
        return self.sessions[-1]._trainer._collector

    def train(self, config: Config) -> Session:
        """Train, and return what there was in memory at the end."""
        rlvision.runs.run.train(config)
        return self.sessions[-1]


def stop_at(monkeypatch: pytest.MonkeyPatch, env_steps: int, number: int = signal.SIGTERM) -> None:
    """Send this process a signal once a collector has made so many env steps."""
    recv = Collector.recv

    def recv_and_stop(self: Collector) -> Any:
        episodes = recv(self)
        if self.env_steps >= env_steps:
            monkeypatch.setattr(Collector, "recv", recv)
            os.kill(os.getpid(), number)
        return episodes

    monkeypatch.setattr(Collector, "recv", recv_and_stop)


def everything(session: Session) -> dict[str, Any]:
    """All that decides how a run goes on, rows of the replay included, and all that was written of it."""
    folder, ring = session._folder, getattr(session._agent.memory, "_ring", None)
    state = read_state(folder.checkpoints.paths()[-1])
    del state["trainer"]["hours"], state["trackers"], state["replay"]
    replay = [ring.read(row, 1) for row in range(ring.oldest, ring.rows)] if ring else []
    action_logs = [path.read_bytes() for path in archive_files(folder.games_folder)]
    return {
        "state": state,
        "rows": ring.rows if ring else 0,
        "replay": replay,
        "metrics": metrics(folder.path),
        "tapes": action_logs,
    }


def metrics(folder: Path) -> list[dict[str, float]]:
    """The rows of a run, without what the clock and the machine say."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if not name.startswith(("time/", "system/"))} for row in rows]


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two nested states differ in a single bit."""
    if isinstance(one, Mapping):
        if not isinstance(other, Mapping) or one.keys() != other.keys():
            return [f"{path}: other keys"]
        return [d for key in one for d in differences(one[key], other[key], f"{path}/{key}")]
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f"{path}: {len(one)} and {len(other)} items"]
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in differences(*pair, f"{path}/{i}")]
    if isinstance(one, torch.Tensor):
        one, other = one.detach().numpy(), other.detach().numpy()
        same = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    else:
        same = one == other or (one != one and other != other)
    return [] if same else [f"{path}: {one} and {other}"]


def note_calls(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, note: Callable[..., object]) -> None:
    """Let ``note`` see the arguments of every call of a method, before the method does."""
    method = getattr(owner, name)

    def noted(*args: Any) -> Any:
        note(*args)
        return method(*args)

    monkeypatch.setattr(owner, name, noted)
