"""The web server: the page, and a WebSocket for every viewer.

One small library does both. HTTP alone would need a stream and a request per order, of which a browser keeps no more
than six open per host: the seventh tab would hang.
"""

import base64
import errno
import hashlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any, cast
from weakref import WeakSet

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from rlvision.core.errors import ConfigError
from rlvision.watch.web.client import Viewer
from rlvision.watch.web.inspector import Analyst
from rlvision.watch.web.messages import obey
from rlvision.watch.web.player import Player
from rlvision.watch.web.security import Refusal, headers, new_token, refusal

HOST = "127.0.0.1"
PAGE, LIVE = "/", "/live"
FASTEST = 1 / 60
"""Seconds between two messages to a viewer, at least: no screen shows more."""
LISTEN = 1.0
"""Seconds between two questions whether a viewer is still there."""
OPENING = 2.0
"""Seconds within which a connection must ask for something: browsers open some ahead of need."""
LONGEST_ORDER = 4096
"""Bytes."""
POLICY_VIOLATION = 1008
"""The WebSocket's code for an order that makes no sense."""
REASON = 40
"""Letters of the reason given: a closing frame has room for 123 bytes."""

_log = logging.getLogger("rlvision")
_QUIET = logging.getLogger("rlvision.websockets")  # the library's: strangers who knock and leave are no news
_QUIET.setLevel(logging.CRITICAL)


class WebView:
    """The server's side of the page.

    Args:
        player: of the game.
        analyst: of the network.
        about: what the page says of the run.
    """

    def __init__(self, player: Player, analyst: Analyst, about: dict[str, Any]) -> None:
        self._player = player
        self._analyst = analyst
        self._about = about
        self._connections: WeakSet[ServerConnection] = WeakSet()
        self.token = new_token()

    @contextmanager
    def open(self, port: int) -> Iterator[str]:
        """Serve as long as the context lasts; gives the address to open, the token in it.

        Raises:
            ConfigError: the port is taken, or may not be used.
        """
        with _listening(port) as listener:
            address = f"http://{HOST}:{listener.getsockname()[1]}{PAGE}?token={self.token}"
            server = serve(
                self._attend,
                sock=listener,
                process_request=self._answer,
                create_connection=cast(Any, self._accept),  # any maker of connections will do
                open_timeout=OPENING,
                compression=None,  # the pictures are compressed
                max_size=LONGEST_ORDER,
                close_timeout=1,
                server_header=None,
                logger=_QUIET,
            )
            with _serving(server):
                try:
                    yield address
                finally:
                    self._hang_up()

    def _accept(self, *given: Any, **settings: Any) -> ServerConnection:
        """A connection that can be hung up: browsers open some on which they never ask for anything."""
        connection = ServerConnection(*given, **settings)
        self._connections.add(connection)
        return connection

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page, or a refusal; None lets a WebSocket begin."""
        host, path = request.headers.get("Host"), request.path.partition("?")[0]
        refused = refusal(request.path, host, request.headers.get("Origin"), self.token)
        if refused is None and path not in (PAGE, LIVE):
            refused = Refusal(HTTPStatus.NOT_FOUND, f"expected {PAGE}, got {path}: open the printed address")
        if refused is not None:
            content = f"{refused.reason}\n".encode()
            return _response(refused.status, content, "text/plain", headers("", "'none'", "'none'"))
        return _page(str(host)) if path == PAGE else None

    def _attend(self, connection: ServerConnection) -> None:
        """Serve one viewer until it leaves."""
        viewer, left = Viewer(self._player, self._analyst, self._about), threading.Event()
        teller = threading.Thread(target=_tell, args=(connection, viewer, left), name=f"viewer {viewer.number}")
        teller.start()
        try:
            with suppress(ConnectionClosed):
                for message in connection:
                    obey(message, viewer)
        except ConfigError as error:
            connection.close(POLICY_VIOLATION, str(error)[:REASON])
        except Exception:
            _log.exception("expected to serve viewer %d to its end, got this: others go on", viewer.number)
        finally:
            left.set()
            viewer.close()
            teller.join()

    def _hang_up(self) -> None:
        """End every connection at once, those too that do not read what they are sent."""
        for connection in list(self._connections):
            with suppress(OSError):  # it has ended by itself
                connection.socket.shutdown(socket.SHUT_RDWR)


def _tell(connection: ServerConnection, viewer: Viewer, left: threading.Event) -> None:
    """Send a viewer what is new until it has left. While it is slow to take something, the rest grows no queue."""
    with suppress(ConnectionClosed):
        connection.send(viewer.hello())
        while not left.wait(FASTEST):
            for message in viewer.news(LISTEN):
                connection.send(message)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise ConfigError(
            f"expected a free port for the page, got {port}: {os.strerror(error.errno)}; --port=0 takes any free one"
        ) from error


@contextmanager
def _serving(server: Server) -> Iterator[None]:
    """The server at work in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, name="web server")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def _page(host: str) -> Response:
    whole = page()
    fixed = headers(host, whole.script_source, whole.style_source)
    return _response(HTTPStatus.OK, whole.html, "text/html", fixed)


def _response(status: HTTPStatus, content: bytes, kind: str, fixed: dict[str, str]) -> Response:
    told = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(content)), "Connection": "close"}
    return Response(status.value, status.phrase, Headers({**told, **fixed}), content)


SCRIPTS = ("wire.js", "stage.js", "curve.js", "maps.js", "panels.js", "keys.js", "main.js")
STYLE = "page.css"


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and the sources that a Content-Security-Policy has to allow for it."""

    html: bytes
    script_source: str
    style_source: str


@cache
def page() -> Page:
    """The page, put together."""
    script, style = "\n".join(map(_read, SCRIPTS)), _read(STYLE)
    html = _read("page.html").replace("/* STYLE */", style).replace("/* SCRIPT */", script)
    return Page(html.encode(), _source(script), _source(style))


def _read(name: str) -> str:
    return files("rlvision.watch.web").joinpath(name).read_text(encoding="utf-8")


def _source(content: str) -> str:
    """The hash by which a policy knows an inline element."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
