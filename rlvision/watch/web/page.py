"""The page: one file, made of the ones beside this, with nothing to load."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

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
