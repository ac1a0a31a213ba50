"""Whatever moment a run is killed at, the same command continues it and ends where it would have ended."""

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import pytest

from rlvision.config.schema import Config
from rlvision.runs.checkpoint import read_state
from rlvision.runs.training import train as train_run
from tests.conftest import BREAKOUT, CARTPOLE, COUNTING, PONG, PRIORITISED


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module", autouse=True)
def _forkserver():
    """The Python that processes are forked from imports while the first test trains."""
    ensure_running()


@pytest.fixture
def fatal(own_code):
    """Runs that kill themselves, in a module that other processes can import."""
    return import_module("fatal")


def needed(folder: Path) -> set[str]:
    """The replay's files that the checkpoints of a run name."""
    states = [read_state(path) for path in folder.glob("[0-9]*.ckpt")]
    return {segment["name"] for state in states for segment in state["replay"]}


class Snapshots:
    """What a SIGKILL would have left behind: the run folder before every step of a save that other files can see.

    A file that is not complete yet is left cut short, as it would be in the middle of its writing.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, out: Path) -> None:
        self._folder, self._out = folder, out
        for name in ("replace", "unlink"):
            monkeypatch.setattr(os, name, self._taking(getattr(os, name)))

    def all(self) -> list[Path]:
        return sorted(self._out.iterdir())

    def _taking(self, function):
        def take_and_do(path, *args, **kwargs):
            if self._folder in Path(path).parents:
                self._take()
            return function(path, *args, **kwargs)

        return take_and_do

    def _take(self) -> None:
        snapshot = shutil.copytree(self._folder, self._out / f"{len(names(self._out)):02d}")
        for part in snapshot.rglob("*.part"):
            os.truncate(part, part.stat().st_size // 2)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_point_of_a_save_costs_nothing(tmp_path, every, differences, everything, small, watched):
    run, settings = tmp_path / "run", {"env_steps": 100, "checkpoint_every": 20, "replay__capacity": 48}
    with pytest.MonkeyPatch.context() as patch:
        (tmp_path / "snapshots").mkdir()
        snapshots = Snapshots(patch, run, tmp_path / "snapshots")
        undisturbed = everything(watched.train(small(run, **settings)))
    taken = snapshots.all()
    assert len(taken) > 15  # of config.yaml, 6 checkpoints with 1 to 4 steps each, and the best
    for snapshot in taken[1::every]:  # before the first there is only an empty folder
        config = small(snapshot, **settings)
        assert differences(undisturbed, everything(watched.train(config))) == [], snapshot
        checkpoints = snapshot / "checkpoints"
        assert names(checkpoints / "replay") == needed(checkpoints)  # and no more
        assert not list(checkpoints.rglob(".*"))


def wait_for_row(path: Path, row: int, alive: Callable[[], bool]) -> None:
    while alive() and (not path.exists() or path.read_bytes().count(b"\n") < row):
        time.sleep(0.002)


class Process:
    """A run in a process of its own, forked from one that has imported everything: it begins at once.

    An optimiser imports torch._dynamo, which takes as long as torch itself.
    """

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["rlvision.runs.training", "rlvision.envs.gymnasium_env", "matplotlib.backends.backend_agg", "torch._dynamo"]
    )

    def __init__(self, config: Config, train: Callable[..., object] = train_run, *args: object) -> None:
        self._rows = Path(config.out) / "metrics.jsonl"
        self._process = self.context.Process(target=train, args=(config, *args))
        self._process.start()

    def send(self, number: int, row: int, delay: float = 0.0) -> int:
        """Send it a signal so many seconds after it has written this row; its exit status."""
        wait_for_row(self._rows, row, self._process.is_alive)
        time.sleep(delay)
        if self._process.is_alive():
            os.kill(self._process.pid, number)
        return self.finish()

    def finish(self) -> int:
        self._process.join()
        return self._process.exitcode


@pytest.mark.parametrize(
    ("kills", "seed", "world", "settings"),
    [
        *((1, seed, COUNTING, {"env_steps": 200}) for seed in (3, 4, 5)),
        pytest.param(
            30, 3, CARTPOLE, {"env_steps": 2000, "replay__capacity": 700, **PRIORITISED}, marks=pytest.mark.slow
        ),
    ],
)
def test_killed_at_random_again_and_again(
    tmp_path, kills, seed, world, settings, differences, everything, metrics, small, watched
):
    settings = {"tracking__log_every": 10, "evaluate_every": 0, "network__dropout": 0.2, **settings}
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", world, **settings)))
    config, rng, count = small(tmp_path / "killed", world, **settings), random.Random(seed), len(undisturbed["metrics"])
    rows = [int(count * (i + rng.random()) / kills) for i in range(kills)]
    statuses = [Process(config).send(signal.SIGKILL, row, rng.random() / 20) for row in rows]
    assert statuses.count(-signal.SIGKILL) > kills // 2
    assert Process(config).finish() == 0
    assert metrics(tmp_path / "killed") == undisturbed["metrics"]
    assert differences(undisturbed, everything(watched.train(config))) == []
    assert not list(Path(config.out).rglob("*.part"))


BY_CHANCE = None
PLACES = ("half a checkpoint", "a target sync", "an evaluation", BY_CHANCE)
WORLDS = {
    "counting, one environment, uniform": (COUNTING, {"env__num_envs": 1}),
    "rendered, three environments, prioritised": (CARTPOLE, {"env__num_envs": 3, **PRIORITISED}),
    "atari, two environments, prioritised": (PONG, PRIORITISED),
    "atari, one environment, uniform, lost lives": (BREAKOUT, {"env__num_envs": 1, "agent__target_tau": 0.1}),
    "rendered, one environment, uniform": (CARTPOLE, {"env__num_envs": 1}),
    "rendered, three environments in a worker, uniform": (CARTPOLE, {"env__num_envs": 3, "env__num_workers": 1}),
    "atari, one environment, prioritised": (PONG, {"env__num_envs": 1, **PRIORITISED}),
}


@pytest.mark.parametrize(
    ("world", "places"),
    [
        (next(iter(WORLDS)), PLACES[:2]),
        (next(iter(WORLDS)), PLACES[2:]),
        *(pytest.param(world, (*PLACES, *12 * [BY_CHANCE]), marks=pytest.mark.slow) for world in WORLDS),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} times, {value[0]} first",
)
def test_killed_in_the_middle_of_everything(fatal, tmp_path, world, places, differences, everything, small, watched):
    """Of a checkpoint, a target sync, an evaluation, and whatever chance says; again and again in one run."""
    world, settings = WORLDS[world]
    settings = {"tracking__log_every": 10, "agent__target_period": 3, **settings}
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", world, **settings)))
    config, rng = small(tmp_path / "killed", world, **settings), random.Random(len(places))
    chosen = [place or rng.choice([*fatal.PLACES]) for place in places]
    statuses = [Process(config, fatal.train_until, place, rng.randint(1, 4)).finish() for place in chosen]
    assert set(statuses) <= {0, -signal.SIGKILL}
    assert statuses.count(-signal.SIGKILL) > 3 * len(places) // 4, statuses
    assert differences(undisturbed, everything(watched.train(config))) == []
    assert not list(Path(config.out).rglob("*.part"))


def test_sigterm_and_ctrl_c_save_and_exit_well(fatal, tmp_path, differences, everything, small, watched):
    settings = {"env_steps": 200, "evaluate_every": 0, "checkpoint_every": 0}
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", CARTPOLE, **settings)))
    config, said = small(tmp_path / "run", CARTPOLE, **settings), tmp_path / "said.txt"
    assert Process(config, fatal.train_by_command, said).send(signal.SIGTERM, row=2) == 0
    assert "interrupted by SIGTERM; the same command continues" in said.read_text()
    (first,) = (tmp_path / "run" / "checkpoints").glob("[0-9]*.ckpt")
    assert Process(config, fatal.train_by_command, said).send(signal.SIGINT, row=8) == 0
    assert first != max((tmp_path / "run" / "checkpoints").glob("[0-9]*.ckpt"))
    assert differences(undisturbed, everything(watched.train(config))) == []
