"""The first screen and the table of presets."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.box import ROUNDED
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from rlvision.settings.presets import presets

SYNOPSES = {
    "train": "PRESET [--name=value ...]",
    "resume": "RUN",
    "evaluate": "RUN [--games=N ...]",
    "watch": "RUN [--video=FILE ...]",
    "export": "RUN [--out=FOLDER ...]",
    "replay": "RUN [--episode=best ...]",
    "compare": "RUN ... [--out=FOLDER ...]",
    "plot": "RUN ... [--out=FILE ...]",
    "sweep": "FILE [--processes=N ...]",
}
EXAMPLES = """\
rlvision train quick                             learns in minutes
rlvision train atari --env.game=ms_pacman        any game
rlvision train pong --agent.double=false         any setting
rlvision train pong --help                       all of them
rlvision evaluate runs/quick-seed1 --games=100
rlvision watch pong --terminal                   an agent that comes along"""
OPTIONS = """\
-h, --help    this screen, or that of a command
--version     the version
--debug       show where an error comes from"""


def show_overview(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Print the commands, each with the first line of its docstring."""
    table = Table.grid(padding=(0, 2))
    for name, command in commands.items():
        usage = f"[bold]{name}[/] {escape(SYNOPSES.get(name, ''))}"
        table.add_row(usage, (command.__doc__ or "").splitlines()[0])
    console = Console(highlight=False)
    console.print("usage: rlvision COMMAND ...\n\nDeep Q-learning from pixels.\n", markup=False)
    console.print(_panel(table, "commands"), _panel(EXAMPLES, "examples"), _panel(OPTIONS, "options"), sep="\n")


def show_presets() -> None:
    """Print a table of the presets."""
    table = Table("preset", "trains", "takes", box=ROUNDED, border_style="dim", header_style="bold")
    for preset in presets():
        table.add_row(f"[bold]{preset.name}[/]", escape(preset.trains), escape(preset.takes))
    Console(highlight=False).print(table)


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim")
