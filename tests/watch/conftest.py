"""Games of the counting environment, whose pictures say which game and step they are of, and a real browser.

The browser is Chromium without a screen, driven over its DevTools protocol.
"""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.screen import make_screen
from rlvision.envs.settings import EnvSettings
from rlvision.watch.rollout import Rollout
from tests.conftest import COUNTING_ENV

SIZE = 32
ACTIONS = 3
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 20.0
"""Seconds to wait for what must come."""


class Cycle:
    """A policy that takes the actions in turn."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        return np.full(len(observation), env_steps % ACTIONS, dtype=np.int64)


def step_as_q_values(observation: UInt8Array) -> FloatArray:
    """Q-values [N, A] that tell the step of the newest frame: step, step + 1, step + 2."""
    steps = observation[:, -1, 0, 4:8].astype(np.int64) @ [2**24, 2**16, 2**8, 1] - 1
    return (steps[:, None] + np.arange(ACTIONS)).astype(np.float32)


def counting_env(*lengths: int) -> GymnasiumEnv:
    """The counting environment; its games last so long."""
    kwargs = {"lengths": lengths, "size": SIZE, "actions": ACTIONS}
    shape = {"height": SIZE, "width": SIZE, "stack": 2, "frameskip": 1, "max_pool": False}
    return GymnasiumEnv(EnvSettings(game=COUNTING_ENV, kwargs=kwargs, **shape), 1)


def count_games(*lengths: int, games: int | None = 1, max_steps: int | None = None, seed: int = 0) -> Rollout:
    """A rollout of the counting environment."""
    env = counting_env(*lengths)
    return Rollout(env, make_screen(env), step_as_q_values, Cycle(), seed=seed, games=games, max_steps=max_steps)


@pytest.fixture(scope="session")
def counting_rollout():
    """Rollouts of the counting environment."""
    return count_games


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """A Chromium; a test that needs it is skipped where there is none."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("needs a Chromium: apt-get install chromium")
    profile = tmp_path_factory.mktemp("profile")
    command = [
        program,
        "--headless=new",
        "--no-sandbox",  # as root in a container there is none
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with _connected(profile / "DevToolsActivePort") as connection:
            yield Browser(connection)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _connected(port_file: Path) -> Iterator[ClientConnection]:
    end = time.monotonic() + PATIENCE
    while not (port_file.exists() and len(port_file.read_text().splitlines()) == 2):
        assert time.monotonic() < end, "the browser did not start"
        time.sleep(0.05)
    port, path = port_file.read_text().splitlines()
    with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, compression=None) as connection:
        yield connection


class Browser:
    """Sends commands and keeps the events that come between the answers."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command; its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._connection.send(json.dumps({**message, "sessionId": session} if session else message))
        while True:
            answer: dict[str, Any] = json.loads(self._connection.recv(PATIENCE))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, address: str, width: int = 1280, height: int = 800) -> "Tab":
        """A new tab with a page in it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, target, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            tab.call(f"{domain}.enable")
        tab.resize(width, height)
        tab.call("Page.navigate", url=address)
        return tab


class Tab:
    """One page."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def set(self, selector: str, value: object) -> None:
        """Let a slider or a choice take a value, as its user would."""
        told = "['input', 'change'].forEach(kind => field.dispatchEvent(new Event(kind)))"
        field = f"document.querySelector({json.dumps(selector)})"
        self.run(f"(field => {{ field.value = {json.dumps(value)}; {told} }})({field})")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true, and return its value; a page that still loads has none."""
        end = time.monotonic() + PATIENCE
        while not (value := self.run(f"(() => {{ try {{ return {script} }} catch {{ return false }} }})()")):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)
        return value

    def click(self, selector: str) -> None:
        """Press and release the mouse on an element."""
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, selector)

    def mouse(self, kind: str, selector: str) -> None:
        """One event of the mouse in the middle of an element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, kind: str, key: str) -> None:
        """One event of a key: keyDown or keyUp."""
        text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def press(self, key: str) -> None:
        """Press and release a key."""
        self.key("keyDown", key)
        self.key("keyUp", key)

    def resize(self, width: int, height: int) -> None:
        """Of the page, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def theme(self, name: str) -> None:
        """``dark`` or ``light``."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def reload(self) -> None:
        """Load the page again."""
        self.call("Page.reload")

    def picture(self, path: Path, whole: bool = False) -> None:
        """Write what can be seen, or the whole page, as a PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def seen(self, method: str) -> list[dict[str, Any]]:
        """What was told of an event of this page so far."""
        told = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [event["params"] for event in told if event["method"] == method]

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)
