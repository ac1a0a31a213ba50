"""Who may see the page and steer the agent: whoever has the token, from the page itself.

* The server listens on 127.0.0.1 only.
* Every request needs the token, so other users of the machine are out.
* ``Host`` must be a name of this machine: a foreign name that resolves to 127.0.0.1 (DNS rebinding) is out. Its port
  may be any, for the page may come through ``ssh -L``.
* Where a browser says which page asks (``Origin``), it must be this one: other sites and other local servers are out.
* The page may load nothing and connect nowhere but here (Content-Security-Policy), and be framed by nobody.
"""

import secrets
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

OUR_NAMES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is turned away."""

    status: HTTPStatus
    reason: str


def new_token() -> str:
    """Something nobody guesses: 128 bits."""
    return secrets.token_urlsafe(16)


def refusal(target: str, host: str | None, origin: str | None, token: str) -> Refusal | None:
    """Why a request must not be answered, or None.

    Args:
        target: path and query of the request.
        host: its ``Host`` header.
        origin: its ``Origin`` header; browsers send one with every WebSocket, other programs none.
        token: that it must bring.
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
    """What the page is sent with.

    Args:
        host: that the request named; empty: nothing may be connected to.
        scripts: the sources of scripts that may run, as in a Content-Security-Policy.
        styles: the same of styles.
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
    """The name in ``name:port``; None where there is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _token(target: str) -> str:
    return parse_qs(urlsplit(target).query).get("token", [""])[0]
