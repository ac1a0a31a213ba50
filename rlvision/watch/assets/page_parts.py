"""The parts of a browser page: styles, scripts and a section that both pages share, and its own files.

::

    assets/   base.css  decision.html  dom.js  screen.js  frame_stack.js  decision.js  curve.js
    html/     player.html  player.css  player.js               one game in one file, opened from disk
    web/      page.html    page.css    wire.js ... main.js     the live page of a server
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

SHARED = "rlvision.watch.assets"
SCRIPTS = ("dom.js", "screen.js", "frame_stack.js", "decision.js", "curve.js")
"""Shared scripts, in the order in which they are loaded."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """The parts of a page, read from package data.

    Attributes:
        template: HTML with a ``{{name}}`` for each part and each value of the page's own.
        style: the whole style sheet.
        script: all scripts as one.
        decision: the section with the numbers of a decision.
    """

    template: str
    style: str
    script: str
    decision: str

    @classmethod
    def load(cls, package: str, template: str, style: str, scripts: Sequence[str]) -> "PageParts":
        """Read a page's own files from ``package``, and the shared ones."""
        return cls(
            template=_read(package, template),
            style=_read(SHARED, "base.css") + _read(package, style),
            script="\n".join([*(_read(SHARED, name) for name in SCRIPTS), *(_read(package, name) for name in scripts)]),
            decision=_read(SHARED, "decision.html"),
        )

    def page(self, **values: str) -> str:
        """Return the HTML of the page; a ``{{name}}`` within a value stays as it is."""
        filled = {"css": self.style, "decision": self.decision, "js": self.script, **values}
        return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], self.template)


def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
