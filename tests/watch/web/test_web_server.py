import base64
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from rlvision.core.errors import ConfigError
from rlvision.envs.counting_env import read
from rlvision.features.maps import feature_maps
from rlvision.features.saliency import gradient_saliency, occlusion_saliency
from rlvision.watch.web import server
from rlvision.watch.web.inspector import STRIDE, Inspector
from rlvision.watch.web.security import new_token, refusal
from rlvision.watch.web.server import WebView
from tests.watch.conftest import step_as_q_values
from tests.watch.web.conftest import PATIENCE, Served

LONG = 10_000
TOKEN = "right"  # noqa: S105 - of nothing


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:9000", "127.0.0.1", "LOCALHOST:1", "[::1]:8000"])
@pytest.mark.parametrize("with_origin", [True, False])
def test_the_page_itself_is_let_in_and_so_is_a_tunnel(host: str, with_origin: bool) -> None:
    assert refusal(f"/live?token={TOKEN}", host, f"http://{host}" if with_origin else None, TOKEN) is None


@pytest.mark.parametrize(
    ("target", "host", "origin", "reason"),
    [
        ("/live", "127.0.0.1:8000", None, "expected the token"),
        ("/live?token=", "127.0.0.1:8000", None, "expected the token"),
        ("/live?token=Right", "127.0.0.1:8000", None, "expected the token"),
        ("/live?token=wrong&token=right", "127.0.0.1:8000", None, "expected the token"),
        ("/live?token=r%C3%AFght", "127.0.0.1:8000", None, "expected the token"),
        ("/live?token=right", "127.0.0.1:8000", "http://evil.example", "expected a request of the page itself"),
        ("/live?token=right", "127.0.0.1:8000", "http://127.0.0.1:3000", "expected a request of the page itself"),
        ("/live?token=right", "127.0.0.1:8000", "https://127.0.0.1:8000", "expected a request of the page itself"),
        ("/live?token=right", "127.0.0.1:8000", "http://localhost:8000", "expected a request of the page itself"),
        ("/live?token=right", "127.0.0.1:8000", "null", "expected a request of the page itself"),
        ("/live?token=right", "evil.example:8000", "http://evil.example:8000", "expected a name of this machine"),
        ("/live?token=right", "127.0.0.1.evil.example", None, "expected a name of this machine"),
        ("/live?token=right", "[broken", None, "expected a name of this machine"),
        ("/live?token=right", "", None, "expected a name of this machine"),
        ("/live?token=right", None, None, "expected a name of this machine"),
    ],
)
def test_everybody_else_is_not(target: str, host: str | None, origin: str | None, reason: str) -> None:
    refused = refusal(target, host, origin, TOKEN)
    assert refused is not None
    assert refused.status == 403
    assert refused.reason.startswith(reason)


def test_no_two_tokens_are_the_same() -> None:
    assert len({new_token() for _ in range(100)}) == 100
    assert min(map(len, (new_token() for _ in range(100)))) >= 22  # 128 bits in base 64


@pytest.fixture(scope="module")
def page(checkpoint, once, served) -> Iterator[Served]:
    """A game that is paused at its third decision."""
    with served(once(checkpoint()), LONG, paused=True) as there, there.viewer() as keeps:
        keeps.get("step")
        for index in (1, 2):
            keeps.order("step", action=None)
            keeps.get("step", lambda header, index=index: header["index"] == index)
        yield there


def ask(there: Served, target: str, **headers: str) -> HTTPResponse:
    connection = HTTPConnection(urlsplit(there.address).netloc, timeout=PATIENCE)
    connection.request("GET", target, headers=headers)
    return connection.getresponse()


def target(there: Served, path: str = "/") -> str:
    return f"{path}?{urlsplit(there.address).query}"


def test_the_page_brings_all_it_needs_and_may_load_nothing(page: Served) -> None:
    answer = ask(page, target(page))
    html = answer.read().decode()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == f"ws://{urlsplit(page.address).netloc}"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[rule] == f"'sha256-{digest}'"
    assert not re.findall(r"(?:src|href)=\"(?!data:)|https?://|@import|url\(", html)
    assert "token=" not in html
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/", {"Host": "localhost:1234"}, 200),
        ("/favicon.ico", {}, 404),
        ("/../../etc/passwd", {}, 404),
        ("/", {"Origin": "http://evil.example"}, 403),
        ("/", {"Host": "evil.example"}, 403),
    ],
)
def test_requests(page: Served, path: str, headers: dict[str, str], status: int) -> None:
    assert ask(page, target(page, path), **headers).status == status


def test_without_the_token_there_is_nothing_to_see(page: Served) -> None:
    for path in ("/", "/live", "/?token=x"):
        answer = ask(page, path)
        assert (answer.status, answer.read()[:26]) == (403, b"expected the token of this")
    for line, origin in (
        (page.line.split("?")[0], None),
        (page.line[:-1], None),
        (page.line, "http://evil.example"),
        (page.line, "http://127.0.0.1:1"),
    ):
        with pytest.raises(InvalidStatus, match="403"), connect(line, origin=origin):
            pass
    with connect(page.line, origin=page.address.split("/?")[0], max_size=None) as connection:
        assert connection.recv(PATIENCE)


def test_it_listens_to_this_machine_alone(page: Served) -> None:
    parts = urlsplit(page.address)
    assert (parts.scheme, parts.hostname) == ("http", "127.0.0.1")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", parts.port), 1)  # it would answer, were it listening everywhere


def test_a_viewer_who_comes_late_is_told_all_of_it(page: Served, picture) -> None:
    with page.viewer() as late:
        hello = late.get("hello")
        assert {name: hello[name] for name in ("title", "run", "actions", "stack", "part", "fps", "keep")} == {
            "title": "counting", "run": "a-run", "actions": ["0", "1", "2"], "stack": 2, "part": None, "fps": 30.0,
            "keep": 1024,
        }  # fmt: skip
        trail = late.get("trail")
        rollout_step = late.get("step")
    assert trail["entries"] == [[0, 2.0, 1], [1, 3.0, 1], [2, 4.0, 1]]
    assert (rollout_step["index"], rollout_step["live"], rollout_step["q"], rollout_step["action"]) == (
        2,
        True,
        [2.0, 3.0, 4.0],
        2,
    )
    *frames, stack = map(picture, rollout_step["blobs"])
    assert [read(frame[:, :, 0])[1] for frame in frames] == [3]
    assert [read(half)[1] for half in (stack[:32], stack[32:])] == [1, 2]


def test_one_may_look_back_while_others_do_not(page: Served, picture) -> None:
    with page.viewer() as one, page.viewer() as other:
        assert [one.get("step")["index"], other.get("step")["index"]] == [2, 2]
        one.look(index=1)
        past = one.get("step")
        assert (past["index"], past["live"], read(picture(past["blobs"][-1])[32:])[1]) == (1, False, 1)
        one.look(index=-5)
        assert one.get("step")["index"] == 0
        one.look(index=None)
        assert one.get("step")["live"]
        other.order("epsilon", value=0.0)
        other.order("speed", value=4)
        other.get("status", lambda header: header["speed"] == 4)
        other.order("speed", value=8)
        other.get("status", lambda header: header["speed"] == 8)
        assert {header["index"] for header in other.seen if header["kind"] == "step"} == {2}


@pytest.mark.parametrize("saliency", ["gradient", "occlusion"])
def test_what_the_network_makes_of_it_is_told_exactly(page: Served, saliency: str) -> None:
    network, observation = page.player.checkpoint.network, page.player.history.at(1).observation[None]
    with page.viewer() as viewer:
        viewer.look(index=1, maps=True, saliency=saliency, action=0)
        told = viewer.get("inspection", lambda header: header["saliency"] != "none")
    expected = feature_maps(network, observation)
    assert [(level["name"], level["of"]) for level in told["levels"]] == [("low", 16), ("mid", 32), ("high", 32)]
    for level, blob in zip(told["levels"], told["blobs"], strict=False):
        maps = np.frombuffer(blob, dtype=np.int8).reshape(level["shape"]) / 127
        np.testing.assert_allclose(maps, expected[level["name"]], atol=0.5 / 127 + 1e-6)
    direct = (
        gradient_saliency(network, observation, 0)
        if saliency == "gradient"
        else occlusion_saliency(network, observation, 0, stride=STRIDE)
    )
    seen = np.frombuffer(told["blobs"][-1], dtype=np.uint8).reshape(told["shape"]) / 255
    np.testing.assert_allclose(seen, direct, atol=0.5 / 255 + 1e-6)
    assert (told["index"], told["action"]) == (1, 0)


def test_the_saliency_is_of_the_action_taken_unless_one_is_chosen(page: Served) -> None:
    with page.viewer() as viewer:
        viewer.look(index=1, saliency="gradient")
        assert viewer.get("inspection", lambda header: header["saliency"] != "none")["action"] == 2


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[" * 4000,
        '"pause"',
        '{"do": "fly"}',
        '{"do": "pause"}',
        '{"do": "pause", "on": 1}',
        '{"do": "step", "action": 3}',
        '{"do": "hold", "action": "1"}',
        '{"do": "speed", "value": 1e9}',
        '{"do": "epsilon", "value": NaN}',
        '{"do": "inspect", "index": null, "maps": true, "saliency": "all", "action": null}',
        '{"do": "inspect", "index": null, "maps": true, "saliency": "none", "action": 7}',
        b"\xff\xfe",
    ],
)
def test_an_order_that_makes_no_sense_ends_the_connection_and_nothing_else(
    page: Served, message: str | bytes, wait
) -> None:
    code, reason = ending(page, message)
    assert (code, reason[:8]) == (1008, "expected")
    wait(page.player, lambda: page.player.status(0)["viewers"] == 1)
    assert page.player.status(0).items() >= {"paused": True, "speed": 8.0, "epsilon": 0.0, "person": "nobody"}.items()


def test_an_endless_order_is_not_read(page: Served) -> None:
    code, _ = ending(page, "x" * 100_000)
    assert code == 1009  # too big


def ending(there: Served, message: str | bytes) -> tuple[int, str]:
    """How the connection ends after a message: the code and the reason that the server gives."""
    with connect(there.line, max_size=None) as connection:
        connection.send(message)
        try:
            for _ in connection:
                pass  # what was on its way
        except ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason
    raise AssertionError("the connection ended without a word")


def test_a_person_plays_over_the_line(checkpoint, once, served) -> None:
    with served(once(checkpoint()), LONG, paused=True) as there, there.viewer() as one, there.viewer() as other:
        one.get("step")
        one.order("take")
        one.get("status", lambda header: header["person"] == "you")
        other.get("status", lambda header: header["person"] == "somebody")
        one.order("step", action=0)
        assert one.get("step", lambda header: header["index"] == 1)["person"]
        one.order("hold", action=1)
        one.order("pause", on=False)
        assert other.get("step", lambda header: header["index"] > 10)["action"] == 1
        one.order("release")
        other.get("status", lambda header: header["person"] == "nobody")
        assert not other.get("step", lambda header: header["action"] == 2)["person"]
        game = other.get("step")["game"]
        one.order("next")
        assert other.get("step", lambda header: header["game"] > game)["length"] < 100


def deaf_socket(there: Served) -> socket.socket:
    """A viewer's connection that nobody reads from."""
    parts = urlsplit(there.line)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((parts.hostname, parts.port))
    request = (
        f"GET {target(there, '/live')} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade"
        "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    deaf.sendall(request.encode())
    return deaf


def listening_with_small_buffers(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return listener


def test_who_does_not_listen_holds_up_neither_the_game_nor_the_end(
    monkeypatch: pytest.MonkeyPatch, checkpoint, once, served, wait
) -> None:
    monkeypatch.setattr(server, "_listening", listening_with_small_buffers)
    with served(once(checkpoint()), LONG) as there, there.viewer() as listens:
        deaf = deaf_socket(there)
        wait(there.player, lambda: there.player.status(0)["viewers"] == 2)
        start = there.player.history.next_index
        told = sum(len(blob) for _ in range(200) for blob in listens.get("step")["blobs"])
        wait(there.player, lambda: there.player.history.next_index > start + 200)
    # and here the page was closed, though a message to the deaf one was on its way
    deaf.settimeout(PATIENCE)
    left = b"".join(iter(lambda: deaf.recv(65536), b""))
    deaf.close()
    assert 0 < len(left) < told / 4


def test_newer_weights_are_told(checkpoint, served) -> None:
    gate, weights = threading.Event(), [checkpoint(7), checkpoint(9)]
    with served(lambda: weights.pop(0) if gate.is_set() and weights else None, LONG) as there, there.viewer() as viewer:
        assert viewer.get("status")["weights"] is None
        gate.set()
        viewer.get("status", lambda header: header["weights"] == {"env_steps": 9, "source": "last"})
        viewer.get("step")


def test_a_network_that_cannot_be_looked_into_says_so(checkpoint, once, served) -> None:
    class Blind(type(checkpoint().network)):
        def forward(self, observation):
            raise RuntimeError("no gradient")

    blind = checkpoint()
    blind.network.__class__ = Blind
    with served(once(blind), LONG, paused=True) as there, there.viewer() as viewer:
        assert viewer.get("inspection")["problem"] == "no gradient"
        viewer.order("step", action=None)
        assert viewer.get("step", lambda header: header["index"] == 1)["q"] == step_q(1)


def step_q(step: int) -> list[float]:
    observation = np.zeros((1, 2, 32, 32), dtype=np.uint8)
    observation[0, -1, 0, 7] = step + 1
    return step_as_q_values(observation)[0].tolist()


def test_a_port_that_is_taken_is_told(page: Served) -> None:
    taken = urlsplit(page.address).port
    view = WebView(page.player, Inspector(page.player.changed), {})
    message = f"expected a free port for the page, got {taken}: Address already in use; --port=0 takes any free one"
    with pytest.raises(ConfigError, match=re.escape(message)), view.open(taken):
        pass
