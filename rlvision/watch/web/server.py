"""The server of the page, with a WebSocket for each viewer.

One small library does both. With HTTP alone, each viewer would keep a stream open, and a browser opens at most six
connections to a host: the seventh tab would hang.
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
from functools import cache
from http import HTTPStatus
from typing import Any, cast
from weakref import WeakSet

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from rlvision.core.errors import ConfigError
from rlvision.watch.assets.page_parts import PageParts
from rlvision.watch.web.client import Client, dispatch
from rlvision.watch.web.inspector import Inspector
from rlvision.watch.web.player import Player
from rlvision.watch.web.security import Refusal, headers, new_token, refusal

HOST = "127.0.0.1"
PAGE, LIVE = "/", "/live"
SCRIPTS = ("wire.js", "stage.js", "maps.js", "keys.js", "main.js")
"""The page's own scripts, in the order in which they are loaded."""
MIN_MESSAGE_SECONDS = 1 / 60
"""Shortest time between two messages to a viewer: no screen shows more."""
LISTEN = 1.0
"""Seconds between two checks whether a viewer is still connected."""
OPENING = 2.0
"""Seconds within which a connection must send a request: browsers open some that they may never use."""
MAX_MESSAGE_BYTES = 4096
"""Largest size of a message from a page."""
POLICY_VIOLATION = 1008
"""WebSocket code that closes the connection after an invalid command."""
REASON = 40
"""Largest number of characters of the reason: a closing frame has room for 123 bytes."""

_log = logging.getLogger("rlvision")
_QUIET = logging.getLogger("rlvision.websockets")  # the library's; failed connections of others need no log
_QUIET.setLevel(logging.CRITICAL)


class WebView:
    """The server of the page.

    Args:
        player: plays the game.
        inspector: computes maps and saliency.
        about: data of the run for the page.
    """

    def __init__(self, player: Player, inspector: Inspector, about: dict[str, Any]) -> None:
        self._player = player
        self._inspector = inspector
        self._about = about
        self._connections: WeakSet[ServerConnection] = WeakSet()
        self.token = new_token()

    @contextmanager
    def open(self, port: int) -> Iterator[str]:
        """Serve inside the context; yield the address to open, which contains the token.

        Raises:
            ConfigError: the port is taken, or may not be used.
        """
        with _listening(port) as listener:
            address = f"http://{HOST}:{listener.getsockname()[1]}{PAGE}?token={self.token}"
            server = serve(
                self._attend,
                sock=listener,
                process_request=self._answer,
                create_connection=cast(Any, self._accept),  # typed as a class, called as a factory
                open_timeout=OPENING,
                compression=None,  # the pictures are compressed
                max_size=MAX_MESSAGE_BYTES,
                close_timeout=1,
                server_header=None,
                logger=_QUIET,
            )
            with _serving(server):
                try:
                    yield address
                finally:
                    self._disconnect_all()

    def _accept(self, *given: Any, **settings: Any) -> ServerConnection:
        """Create a connection that `_disconnect_all` can end: browsers open some on which they never send a request."""
        connection = ServerConnection(*given, **settings)
        self._connections.add(connection)
        return connection

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the page or a refusal; None accepts a WebSocket."""
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
        client, left = Client(self._player, self._inspector, self._about), threading.Event()
        teller = threading.Thread(target=_send_updates, args=(connection, client, left), name=f"viewer {client.number}")
        teller.start()
        try:
            with suppress(ConnectionClosed):
                for message in connection:
                    dispatch(message, client)
        except ConfigError as error:
            connection.close(POLICY_VIOLATION, str(error)[:REASON])
        except Exception:
            _log.exception("expected to serve viewer %d to its end, got this: others go on", client.number)
        finally:
            left.set()
            client.close()
            teller.join()

    def _disconnect_all(self) -> None:
        """End all connections at once, including those that do not read."""
        for connection in list(self._connections):
            with suppress(OSError):  # it has already ended
                connection.socket.shutdown(socket.SHUT_RDWR)


def _send_updates(connection: ServerConnection, client: Client, left: threading.Event) -> None:
    """Send a viewer the newest messages until it has left; while it is slow to read, no queue grows."""
    with suppress(ConnectionClosed):
        connection.send(client.hello())
        while not left.wait(MIN_MESSAGE_SECONDS):
            for message in client.updates(LISTEN):
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
    """Run the server in its own thread."""
    thread = threading.Thread(target=server.serve_forever, name="web server")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def _page(host: str) -> Response:
    parts = _parts()
    allowed = headers(host, _source(parts.script), _source(parts.style))
    return _response(HTTPStatus.OK, parts.page().encode(), "text/html", allowed)


def _response(status: HTTPStatus, content: bytes, kind: str, fixed: dict[str, str]) -> Response:
    told = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(content)), "Connection": "close"}
    return Response(status.value, status.phrase, Headers({**told, **fixed}), content)


@cache
def _parts() -> PageParts:
    return PageParts.load("rlvision.watch.web", "page.html", "page.css", SCRIPTS)


def _source(content: str) -> str:
    """Return the hash that lets a Content-Security-Policy allow an inline element."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
