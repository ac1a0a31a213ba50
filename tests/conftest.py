"""Environments, replays and runs that the tests of several rooms make, and the folder of a user's own modules."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import torch

import rlvision.runs.media
import rlvision.runs.training
from rlvision.config.fields import flatten
from rlvision.config.loading import load_config
from rlvision.config.schema import Config, defaults_for
from rlvision.core.types import EnvSpec, EnvStep, Schedule
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.factory import is_atari, make
from rlvision.envs.game_archive import archive_files
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.settings import EnvSettings
from rlvision.learning.registry import default_settings
from rlvision.learning.schedules import Constant
from rlvision.replay.buffer import ReplayBuffer
from rlvision.replay.settings import ReplaySettings
from rlvision.runs.checkpoint import read_state
from rlvision.runs.training import Session
from rlvision.training.collector import Collector

DQN = str(Path(__file__).parent / "own" / "dqn.yaml")
"""A preset of DQN on CartPole; most runs of the tests change its world and shorten it."""
COUNTING_ENV = "rlvision.envs.counting_env:CountingEnv"
AS_DRAWN = {"height": 32, "width": 32}
"""The size of the counting environment's picture."""
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


@pytest.fixture(scope="session", autouse=True)
def own_code():
    """The folder of modules as a user writes them: worlds, agents, networks, programs. Tests name them as she does."""
    folder = Path(__file__).parent / "own"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(folder)
        yield folder


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path_factory):
    """A state folder of each test's own, so that none knows the code that another has run."""
    folder = tmp_path_factory.getbasetemp() / f"state-{uuid4().hex}"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """One thread for torch, here and in child processes: with tensors this small, more would wait for each other."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield


# Programs in processes of their own, without the four seconds in which each would import torch


@pytest.fixture(scope="session")
def run_program(own_code, one_thread, tmp_path_factory):
    """Run a program as ``python *arguments`` does, in a fork of a Python that has imported torch, but not rlvision."""
    process = subprocess.Popen(
        [sys.executable, str(own_code / "warm_python.py")],
        env={**os.environ, "MPLBACKEND": "Agg"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    folder = tmp_path_factory.mktemp("programs")
    outputs = [folder / "stdout", folder / "stderr"]

    def run(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        for path in outputs:
            path.write_text("")
        request = {"arguments": arguments, "cwd": str(cwd), "env": dict(env)}
        request |= {"stdout": str(outputs[0]), "stderr": str(outputs[1])}
        print(json.dumps(request), file=process.stdin, flush=True)
        status = int(process.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, *(path.read_text() for path in outputs))

    yield run
    process.communicate()


# Replays


@pytest.fixture(scope="session")
def make_replay():
    """A replay of frames of a few bytes; what is not named is as small as it can be."""
    return _replay


def _replay(
    *,
    num_envs: int = 1,
    frame_shape: tuple[int, int, int] = (1, 1, 1),
    stack: int = 1,
    n_step: int | Schedule = 1,
    gamma: float | Schedule = 0.5,
    beta: float | Schedule = 0.4,
    seed: int = 0,
    reward_transform: Any = None,
    device: str = "cpu",
    **settings: Any,
) -> ReplayBuffer:
    channels, height, width = frame_shape
    owed = {"batch_size": 1, "samples_per_env_step": 1, "learning_starts": 0}
    return ReplayBuffer(
        ReplaySettings(**owed | settings),
        EnvSpec(num_envs, (stack * channels, height, width), channels, ("0", "1"), frameskip=1),
        n_step=_schedule(n_step),
        gamma=_schedule(gamma),
        beta=_schedule(beta),
        generator=torch.Generator().manual_seed(seed),
        reward_transform=reward_transform,
        device=device,
    )


def _schedule(number: float | Schedule) -> Schedule:
    return number if callable(number) else Constant(number)


# Environments: every step is seen, and a lost life ends nothing, unless a test says otherwise


@pytest.fixture(scope="session")
def atari():
    """Games of Atari."""
    return lambda game, num_envs, **changes: AtariEnv(_env_settings(game, **changes), num_envs)


@pytest.fixture(scope="session")
def rendered():
    """Environments of Gymnasium."""
    return lambda game, num_envs, **changes: GymnasiumEnv(_env_settings(game, **changes), num_envs)


@pytest.fixture(scope="session")
def made():
    """Environments of either kind, as a run makes them."""
    return lambda game, num_envs, *, split=False, **changes: make(_env_settings(game, **changes), num_envs, split)


def _env_settings(game: str, **changes: Any) -> EnvSettings:
    usual = {"life_loss": False} if is_atari(game) else {"frameskip": 1, "max_pool": False}
    return EnvSettings(game=game, **{**usual, **changes})


# Runs that take a second, stopped where a test wants them to stop, and compared bit for bit


@pytest.fixture(scope="session")
def watch_runs():
    """Begins to keep the sessions that are trained while a monkeypatch lasts."""
    return Watched


@pytest.fixture
def watched(monkeypatch):
    """The sessions that this test trains."""
    return Watched(monkeypatch)


class Watched:
    """The sessions that `rlvision.runs.training.train` has made since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sessions: list[Session] = []
        monkeypatch.setattr(rlvision.runs.training, "Session", self._make)
        monkeypatch.setattr(rlvision.runs.media, "draw_curve", lambda folder: folder / "curve.png")  # half a second

    def _make(self, *args: Any) -> Session:
        self.sessions.append(Session(*args))
        return self.sessions[-1]

    @property
    def collector(self) -> Collector:
        """The newest session's."""
        return self.sessions[-1]._trainer._collector

    def train(self, config: Config, **given: Any) -> Session:
        """Train, and return what there was in memory at the end."""
        rlvision.runs.training.train(config, **given)
        return self.sessions[-1]


@pytest.fixture(scope="session")
def small():
    """A run in ``out``; settings by dotted name with ``__`` for the dot."""
    return _small


def _small(out: Path, world: Mapping[str, Any] = COUNTING, **settings: Any) -> Config:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    agent = default_settings(str(named.get("agent.name", "dqn")))
    known = flatten(defaults_for(agent))
    usual = {name: value for name, value in SMALL.items() if name in known}
    if not agent.uses_replay:
        usual = {name: value for name, value in usual.items() if not name.startswith("replay.")}
    return load_config(DQN, {**usual, **world, "out": str(out), **named})


@pytest.fixture(scope="session")
def stop_at():
    """Send this process a signal once a collector has made so many env steps; the program goes on after SIGTERM."""
    return _stop_at


def _go_on(number: int, frame: object) -> None:
    """Handle SIGTERM as a program does that goes on: a run hands it on once it is saved."""


def _stop_at(monkeypatch: pytest.MonkeyPatch, env_steps: int, number: int = signal.SIGTERM) -> None:
    add = Collector._add
    if number == signal.SIGTERM:
        signal.signal(number, _go_on)

    def add_and_stop(self: Collector, step: EnvStep) -> Any:
        episodes = add(self, step)
        if self.env_steps >= env_steps:
            monkeypatch.setattr(Collector, "_add", add)
            os.kill(os.getpid(), number)
        return episodes

    monkeypatch.setattr(Collector, "_add", add_and_stop)


@pytest.fixture(scope="session")
def everything():
    """All that decides how a run goes on, rows of the replay included, and all that was written of it."""
    return _everything


def _everything(session: Session) -> dict[str, Any]:
    folder, ring = session._folder, getattr(session._agent.memory, "_ring", None)
    state = read_state(folder.checkpoints.paths()[-1])
    del state["trainer"]["hours"], state["trackers"], state["replay"]
    replay = [ring.read(row, 1) for row in range(ring.oldest, ring.rows)] if ring else []
    action_logs = [path.read_bytes() for path in archive_files(folder.games_folder)]
    return {
        "state": state,
        "rows": ring.rows if ring else 0,
        "replay": replay,
        "metrics": _metrics(folder.path),
        "tapes": action_logs,
    }


@pytest.fixture(scope="session")
def metrics():
    """The rows of a run, without what the clock and the machine say."""
    return _metrics


def _metrics(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if not name.startswith(("time/", "system/"))} for row in rows]


@pytest.fixture(scope="session")
def differences():
    """Where two nested states differ in a single bit."""
    return _differences


def _differences(one: Any, other: Any, path: str = "") -> list[str]:
    if isinstance(one, Mapping):
        if not isinstance(other, Mapping) or one.keys() != other.keys():
            return [f"{path}: other keys"]
        return [d for key in one for d in _differences(one[key], other[key], f"{path}/{key}")]
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f"{path}: {len(one)} and {len(other)} items"]
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in _differences(*pair, f"{path}/{i}")]
    if isinstance(one, torch.Tensor):
        one, other = one.detach().numpy(), other.detach().numpy()
        same = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    else:
        same = one == other or (one != one and other != other)
    return [] if same else [f"{path}: {one} and {other}"]


@pytest.fixture(scope="session")
def note_calls():
    """Let ``note`` see the arguments of every call of a method, before the method does."""
    return _note_calls


def _note_calls(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, note: Callable[..., object]) -> None:
    method = getattr(owner, name)

    def noted(*args: Any) -> Any:
        note(*args)
        return method(*args)

    monkeypatch.setattr(owner, name, noted)


# A notebook: what the kernel's IPython would show, without a kernel


class Cell:
    """The outputs of a cell: each is what it shows now, and how often it was drawn."""

    def __init__(self) -> None:
        self.outputs: dict[str, dict[str, str]] = {}
        self.drawings = 0

    def display(self, data: dict[str, str], *, raw: bool, display_id: str | None = None, update: bool = False) -> None:
        assert raw
        assert update == (display_id in self.outputs)
        self.outputs[display_id or uuid4().hex] = data
        self.drawings += 1

    @property
    def pages(self) -> list[str]:
        """The HTML of the outputs, in order."""
        return [data["text/html"] for data in self.outputs.values()]


@pytest.fixture
def notebook(monkeypatch):
    """Let rlvision find itself in the kernel of a notebook; return the cell."""
    cell = Cell()
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=cell.display))
    return cell
