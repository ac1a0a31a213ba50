"""Security of the page: only who has its token may open it, and it connects only to its own server.

* The server listens on 127.0.0.1 only.
* Each request needs the token, which keeps other users of the machine out.
* ``Host`` must be a name of this machine, which keeps out foreign names that resolve to 127.0.0.1 (DNS rebinding). Its
  port may be any, since the page may come through ``ssh -L``.
* ``Origin``, if the browser sends one, must be this page, which keeps out other sites and other local servers.
* The page may load nothing, connect only to this server (Content-Security-Policy), and not be framed.
"""

import secrets
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

OUR_NAMES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a request is refused."""

    status: HTTPStatus
    reason: str


def new_token() -> str:
    """Return a random token of 128 bits."""
    return secrets.token_urlsafe(16)


def refusal(target: str, host: str | None, origin: str | None, token: str) -> Refusal | None:
    """Return why a request must be refused, or None.

    Args:
        target: path and query of the request.
        host: its ``Host`` header.
        origin: its ``Origin`` header; browsers send one with each WebSocket, other programs send none.
        token: that the request must contain.
    """
    if host is None or _name(host) not in OUR_NAMES:
        return Refusal(HTTPStatus.FORBIDDEN, f"expected a name of this machine, got {host!r}: open the printed address")
    if origin is not None and origin != f"http://{host}":
        return Refusal(HTTPStatus.FORBIDDEN, f"expected a request of the page itself, got one of {origin!r}")
    if not secrets.compare_digest(_token(target).encode(), token.encode()):
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "expected the token of this run, got none or another: open the whole address that rlvision watch printed",
        )
    return None


def headers(host: str, scripts: str, styles: str) -> dict[str, str]:
    """Return the security headers of a response.

    Args:
        host: that the request named; empty: the page may connect nowhere.
        scripts: sources of the scripts that may run, as in a Content-Security-Policy.
        styles: sources of the style sheets, likewise.
    """
    policy = (
        "default-src 'none'",
        f"script-src {scripts}",
        f"style-src {styles}",
        "img-src data: blob:",
        f"connect-src ws://{host}" if host else "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _name(host: str) -> str | None:
    """Return the name in ``name:port``; None if there is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _token(target: str) -> str:
    return parse_qs(urlsplit(target).query).get("token", [""])[0]
