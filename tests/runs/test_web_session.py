import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from rlvision.cli import main as cli
from rlvision.config.loading import load_config, save_config
from rlvision.config.schema import Config
from rlvision.core.errors import CheckpointError
from rlvision.runs import builders, web_session
from rlvision.runs.checkpoint import write_state
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.stored_spec import spec_to_state
from rlvision.runs.web_session import NewestWeights, serve
from tests.conftest import DQN
from tests.watch.web.conftest import PATIENCE, Served, Watcher

COUNTING = {
    "env.game": "rlvision.envs.counting_env:CountingEnv",
    "env.crop": None,
    "env.height": 32,
    "env.width": 32,
    "env.stack": 2,
    "env.frameskip": 1,
    "env.max_pool": False,
    "env.kwargs": {"lengths": [10_000]},
    "device": "cpu",
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that has just begun: no checkpoint yet."""
    path = tmp_path / "a-run"
    path.mkdir()
    save_config(load_config(DQN, {**COUNTING, "out": str(path)}), path / "config.yaml")
    return RunFolder(path)


def state(config: Config, env_steps: int, seed: int = 1) -> dict[str, Any]:
    """A checkpoint's weights."""
    env = builders.make_env(config, 1)
    network = builders.make_network(replace(config, seed=seed), env.spec)
    env.close()
    spec = replace(env.spec, num_envs=8)
    return {"env_steps": env_steps, "spec": spec_to_state(spec), "online": network.state_dict()}


def keep(folder: RunFolder, env_steps: int, name: str | None = None, age: int | None = None) -> None:
    """Write a checkpoint, so many seconds older than another."""
    folder.checkpoints.folder.mkdir(exist_ok=True)
    path = folder.checkpoints.folder / (name or f"{env_steps:012d}.ckpt")
    write_state(path, state(folder.config(), env_steps))
    if age is not None:
        os.utime(path, (1_000_000 - age, 1_000_000 - age))


def newest(folder: RunFolder, which: str | None = None) -> Callable[[], tuple[int, str] | None]:
    """What is loaded, call by call."""
    env = builders.make_env(folder.config(), 1)
    env.close()
    load = NewestWeights(folder, env.spec, which, "cpu")

    def look() -> tuple[int, str] | None:
        checkpoint = load()
        return None if checkpoint is None else (checkpoint.env_steps, checkpoint.source)

    return look


def test_the_newest_weights_are_loaded_as_they_appear_each_once(folder: RunFolder) -> None:
    look = newest(folder)
    assert look() is None
    keep(folder, 100, age=50)
    assert [look(), look()] == [(100, "last"), None]
    keep(folder, 100, "best.ckpt", age=40)
    assert [look(), look()] == [(100, "best"), None]
    keep(folder, 200, age=30)
    keep(folder, 300, age=20)
    assert [look(), look()] == [(300, "last"), None]


def test_the_best_or_the_last_can_be_followed_alone(folder: RunFolder) -> None:
    keep(folder, 100, "best.ckpt", age=50)
    keep(folder, 200, age=40)
    keep(folder, 300, age=30)
    assert [newest(folder, which)() for which in ("best", "last", None)] == [
        (100, "best"),
        (300, "last"),
        (300, "last"),
    ]


def test_damaged_weights_are_refused_once(folder: RunFolder) -> None:
    look = newest(folder)
    folder.checkpoints.folder.mkdir()
    folder.checkpoints.best_path.write_bytes(b"sand")
    with pytest.raises(CheckpointError, match="undamaged"):
        look()
    assert look() is None


def test_weights_of_another_environment_are_refused(folder: RunFolder) -> None:
    look = newest(folder)
    folder.checkpoints.folder.mkdir()
    other = state(folder.config(), 5)
    other["spec"]["frameskip"] = 3
    write_state(folder.checkpoints.best_path, other)
    with pytest.raises(CheckpointError, match="expected environments as the agent was trained in"):
        look()


@contextmanager
def serving(folder: Path, **how: Any) -> Iterator[str]:
    """`serve` at work in a thread; the address it announces."""
    over, addresses, said = threading.Event(), [], threading.Event()

    def announce(address: str) -> None:
        addresses.append(address)
        said.set()

    def work() -> None:
        interrupted = lambda: "over" if over.is_set() else None  # noqa: E731
        serve(folder, port=0, announce=announce, interrupted=interrupted, device="cpu", **how)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert said.wait(PATIENCE)
        yield addresses[0]
    finally:
        over.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_run_is_followed_from_before_its_first_checkpoint(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session.WeightWatcher, "run", lambda self, stop: follow(self, stop, 0.02))
    with serving(folder.path, epsilon=0.25) as address, connect(line(address), max_size=None, max_queue=None) as socket:
        viewer = Watcher(socket)
        assert viewer.get("hello")["run"] == "a-run"
        status = viewer.get("status")
        assert (status["weights"], status["epsilon"]) == (None, 0.25)
        keep(folder, 100)
        viewer.get("status", lambda header: header["weights"] == {"env_steps": 100, "source": "last"})
        viewer.get("step")
        (folder.checkpoints.folder / "best.ckpt").write_bytes(b"sand")
        viewer.get("status", lambda header: "undamaged" in (header["notice"] or ""))
        keep(folder, 200)
        viewer.get("status", lambda header: header["weights"]["env_steps"] == 200 and header["notice"] is None)
        viewer.get("step", lambda header: header["index"] > 3)


follow = web_session.WeightWatcher.run


def line(address: str) -> str:
    return Served(None, address).line


def test_without_a_run_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a run folder, .* without a config\.yaml"):
        serve(tmp_path, port=0, announce=lambda address: pytest.fail("served"))


def test_the_command_hands_over_what_it_was_given(folder: RunFolder, monkeypatch, capsys) -> None:
    asked = []

    def note(run: Path, *, announce: Callable[[str], None], **rest: Any) -> None:
        asked.append((run, rest))
        announce("http://127.0.0.1:8123/?token=secret")

    monkeypatch.setattr(web_session, "serve", note)
    assert cli.main(["watch", str(folder.path), "--web", "--port=8123", "--epsilon=0.5", "--checkpoint=best"]) == 0
    assert cli.main(["watch", str(folder.path), "--web"]) == 0
    common = {"seed": 0, "device": "auto", "trust_imports": False}
    assert asked == [
        (folder.path, {"port": 8123, "epsilon": 0.5, "weights": "best", **common}),
        (folder.path, {"port": 8000, "epsilon": None, "weights": None, **common}),
    ]
    assert "http://127.0.0.1:8123/?token=secret\n" in capsys.readouterr().out
