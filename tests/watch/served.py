"""The counting environment on a web page: a player, a viewer's end of the line, and what both agree on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from counting_rollout import ACTIONS, SIZE, step_as_q_values
from small_envs import rendered
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

PATIENCE = 20.0
"""Seconds to wait for what must come."""


def checkpoint(env_steps: int = 1000, encoder: str = "dn") -> LoadedCheckpoint:
    """Weights whose Q-values tell the step."""
    torch.manual_seed(env_steps)
    built = build_encoder(encoder, (2, SIZE, SIZE))
    network = QNetwork(built, LinearHead(built.features, ACTIONS))
    return LoadedCheckpoint(network, step_as_q_values, env_steps, "last")


@contextmanager
def playing(
    load: Callable[[], LoadedCheckpoint | None], *lengths: int, speed: float = SPEEDS[-1], paused: bool = False
) -> Iterator[Player]:
    """A player at work in a thread of its own; games of the counting environment last so long."""
    settings: dict[str, Any] = {"lengths": lengths, "size": SIZE, "actions": ACTIONS}
    env = rendered("rlvision.envs.counting_env:CountingEnv", 1, height=SIZE, width=SIZE, stack=2, kwargs=settings)
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


def shown(player: Player) -> list[int]:
    """The step that each decision so far was made at, as its observation shows it."""
    return [read(shot.observation[-1])[1] for shot in player.history]


def wait(player: Player, until: Callable[[], object]) -> None:
    """Wait for something to become true of a player."""
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


@contextmanager
def served(load: Callable[[], LoadedCheckpoint | None], *lengths: int, **how: Any) -> Iterator[Served]:
    """A player and its page on a free port."""
    with ExitStack() as stack:
        player = stack.enter_context(playing(load, *lengths, **how))
        inspector, stop = Inspector(player.changed), threading.Event()
        worker = threading.Thread(target=inspector.work, args=(stop,))
        worker.start()
        stack.callback(worker.join)
        stack.callback(stop.set)
        view = WebView(player, inspector, {"title": "counting", "run": "a-run", "part": None})
        yield Served(player, stack.enter_context(view.open(0)))


def once(*brains: LoadedCheckpoint) -> Callable[[], LoadedCheckpoint | None]:
    """Loads these weights, one at a time."""
    left = list(brains)
    return lambda: left.pop(0) if left else None


def picture(png: bytes) -> np.ndarray:
    """The pixels of a PNG file, by Pillow."""
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)))
