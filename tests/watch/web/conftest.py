"""The counting environment on a web page: a player, a viewer's end of the line, and what both agree on."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from rlvision.envs.counting_env import read
from rlvision.nn.heads import LinearHead
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import build_encoder
from rlvision.runs.web_session import make_player
from rlvision.watch.controls import SPEEDS
from rlvision.watch.web.inspector import Inspector
from rlvision.watch.web.player import Player
from rlvision.watch.web.protocol import unpack
from rlvision.watch.web.server import WebView
from rlvision.watch.web.weights import LoadedCheckpoint
from tests.watch.conftest import ACTIONS, PATIENCE, SIZE, counting_env, step_as_q_values


@pytest.fixture(scope="session")
def checkpoint():
    """Weights whose Q-values tell the step."""
    return _checkpoint


def _checkpoint(env_steps: int = 1000, encoder: str = "dn") -> LoadedCheckpoint:
    torch.manual_seed(env_steps)
    built = build_encoder(encoder, (2, SIZE, SIZE))
    network = QNetwork(built, LinearHead(built.features, ACTIONS))
    return LoadedCheckpoint(network, step_as_q_values, env_steps, "last")


@pytest.fixture(scope="session")
def playing():
    """A player at work in a thread of its own; games of the counting environment last so long."""
    return _playing


@contextmanager
def _playing(
    load: Callable[[], LoadedCheckpoint | None], *lengths: int, speed: float = SPEEDS[-1], paused: bool = False
) -> Iterator[Player]:
    env = counting_env(*lengths)
    player, weight_watcher = make_player(env, load, epsilon=0.0, seed=5)
    player.set_speed(speed)
    player.pause(paused)
    over = threading.Event()
    threads = [
        threading.Thread(target=player.play, args=(lambda: "over" if over.is_set() else None,)),
        threading.Thread(target=weight_watcher.run, args=(over, 0.01)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield player
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
        env.close()


@pytest.fixture(scope="session")
def shown():
    """The step that each decision so far was made at, as its observation shows it."""
    return _shown


def _shown(player: Player) -> list[int]:
    return [read(shot.observation[-1])[1] for shot in player.history]


@pytest.fixture(scope="session")
def wait():
    """Wait for something to become true of a player."""
    return _wait


def _wait(player: Player, until: Callable[[], object]) -> None:
    with player.changed:
        assert player.changed.wait_for(until, PATIENCE), "it never came"


@dataclass
class Served:
    """A player with its page."""

    player: Player
    address: str

    @property
    def line(self) -> str:
        """Where viewers connect."""
        return self.address.replace("http", "ws").replace("/?", "/live?")

    @contextmanager
    def viewer(self) -> Iterator["Watcher"]:
        """Somebody who watches."""
        with connect(self.line, max_size=None, max_queue=None, compression=None) as connection:
            yield Watcher(connection)


class Watcher:
    """A viewer's end of the line."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.seen: list[dict[str, Any]] = []

    def order(self, do: str, **rest: Any) -> None:
        """Ask for something."""
        self._connection.send(json.dumps({"do": do, **rest}))

    def look(self, index: int | None = None, maps: bool = False, saliency: str = "none", action: int | None = None):
        """Look at something else."""
        self.order("inspect", index=index, maps=maps, saliency=saliency, action=action)

    def get(self, kind: str, such: Callable[[dict[str, Any]], bool] = lambda header: True) -> dict[str, Any]:
        """The next message of a kind, its blobs with it."""
        end = time.monotonic() + PATIENCE
        while True:
            header, blobs = unpack(self._connection.recv(end - time.monotonic()))
            self.seen.append(header)
            if header["kind"] == kind and such(header):
                return {**header, "blobs": blobs}


@pytest.fixture(scope="session")
def served():
    """A player and its page on a free port."""
    return _served


@contextmanager
def _served(load: Callable[[], LoadedCheckpoint | None], *lengths: int, **how: Any) -> Iterator[Served]:
    with ExitStack() as stack:
        player = stack.enter_context(_playing(load, *lengths, **how))
        inspector, stop = Inspector(player.changed), threading.Event()
        worker = threading.Thread(target=inspector.work, args=(stop,))
        worker.start()
        stack.callback(worker.join)
        stack.callback(stop.set)
        view = WebView(player, inspector, {"title": "counting", "run": "a-run", "part": None})
        yield Served(player, stack.enter_context(view.open(0)))


@pytest.fixture(scope="session")
def once():
    """Loads these weights, one at a time."""
    return _once


def _once(*brains: LoadedCheckpoint) -> Callable[[], LoadedCheckpoint | None]:
    left = list(brains)
    return lambda: left.pop(0) if left else None


@pytest.fixture(scope="session")
def picture():
    """The pixels of a PNG file, by Pillow."""
    return _picture


def _picture(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))
