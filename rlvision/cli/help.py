"""Help screens, which tyro draws from the types, docstrings and defaults of a command.

tyro only draws. `rlvision.config.arguments` parses the arguments, so that an error is one line, and the same line in a
file, on the command line and in Python.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field, fields, is_dataclass, make_dataclass, replace
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

if TYPE_CHECKING:
    from tyro.constructors import ConstructorRegistry

    from rlvision.config.schema import CheckpointSettings, Config

HOW_TO_SET = "Write --name=value, a list as --env.crop=34,194,0,160 and a mapping as --env.kwargs='{lap: 0.9}'."
SYNOPSES = {
    "check": "WORLD [--out=FILE ...]",
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
rlvision check mine:World                        shows what an agent will see in your world
rlvision train atari --env.game=ms_pacman        trains on another game
rlvision train pong --agent.epochs=3             changes a setting
rlvision train pong --help                       lists all settings
rlvision evaluate runs/quick-seed1 --games=100   measures its score
rlvision watch pong --terminal                   shows a bundled agent"""
OPTIONS = """\
-h, --help    show this screen, or the options of a command
--version     show the version
--debug       show the traceback of an error"""


def show_overview(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Print the commands, each with the first line of its docstring."""
    table = Table.grid(padding=(0, 2))
    for name, command in commands.items():
        usage = f"[bold]{name}[/] {escape(SYNOPSES.get(name, ''))}"
        table.add_row(usage, (command.__doc__ or "").splitlines()[0])
    console = Console(highlight=False)
    console.print("usage: rlvision COMMAND ...\n\nDeep Q-learning from pixels.\n", markup=False)
    console.print(_panel(table, "commands"), _panel(EXAMPLES, "examples"), _panel(OPTIONS, "options"), sep="\n")


def show_settings(preset: str | None, agent: str | None) -> None:
    """Print all settings with their defaults: those of the preset, and of the agent, if they are given."""
    from rlvision.config.loading import settings_for
    from rlvision.config.presets import known_presets, preset_for

    config = settings_for(preset, agent)
    if preset is None:
        names = ", ".join(known.name for known in known_presets())
        about = (
            f"Train an agent, or continue the run in its folder.\nPRESET: {names}, a YAML file, or the name of a "
            "world, such as MiniGrid-Empty-5x5-v0, ALE/Pong-v5 or mine:World."
        )
    else:
        found, _ = preset_for(preset)
        about = f"Trains {found.trains}.\nTakes {found.takes}." if found.trains else f"Settings of {preset}."
        about += f"\nMarked with *: what {found.name} changes."
    _show(f"rlvision train {preset or 'PRESET'}", about, config)


def _show(program: str, about: str, config: "Config") -> None:
    """Print the text above the options, in lines that fit the terminal, and the options."""
    typed, default = _drawn(config)
    width = Console().width
    for paragraph in (*about.splitlines(), HOW_TO_SET, ""):
        sys.stdout.write(f"{fill(paragraph, width, break_on_hyphens=False)}\n")  # a Console hides a closed pipe
    show_options(typed, program, "", default)


def _marks(config: "Config") -> dict[str, str]:
    """Return the note on each setting that a preset changes: its value, and what it is otherwise."""
    from rlvision.config.field_types import format_value
    from rlvision.config.fields import flatten
    from rlvision.config.loading import differences, fill_unset
    from rlvision.config.schema import default_agent, defaults_for

    usual, chosen = fill_unset(defaults_for(config.agent)), fill_unset(replace(config, out=None))
    changed = {name: old for name, (old, _) in differences(usual, chosen).items()}
    if config.agent.name != default_agent().name:
        changed["agent.name"] = default_agent().name
    own = flatten(config)
    return {
        name: f"(default: {format_value(own[name])}) * otherwise {format_value(old)}"
        for name, old in changed.items()
        if name in own
    }


def _marked(group: Any, prefix: str, marks: Mapping[str, str]) -> Any:
    """Return a group of settings, as another class if some are marked."""
    if not (noted := _noted(group, prefix, marks)):
        return group
    made = make_dataclass(type(group).__name__, noted, bases=(type(group),), frozen=True, kw_only=True)
    made.__doc__ = type(group).__doc__
    return made(**{each.name: getattr(group, each.name) for each in fields(group)})


def _noted(group: Any, prefix: str, marks: Mapping[str, str]) -> list[tuple[str, Any, Any]]:
    """Return the marked fields of a group, whose notes stand in place of their defaults."""
    import tyro

    hints = get_type_hints(type(group), include_extras=True)
    notes = {each.name: marks[prefix + each.name] for each in fields(group) if prefix + each.name in marks}
    return [
        (name, Annotated[hints[name], tyro.conf.arg(help_behavior_hint=note)], field()) for name, note in notes.items()
    ]


def _drawn(config: "Config") -> "tuple[type[Config], Config]":
    """Return the class that tyro draws, with the agent's own settings and no unused replay, and its instance."""
    marks = _marks(config)
    names = [each.name for each in fields(config) if is_dataclass(getattr(config, each.name))]
    groups = {name: _marked(getattr(config, name), f"{name}.", marks) for name in names}
    own: list[tuple[str, Any, Any]] = [(name, type(group), field()) for name, group in groups.items()]
    if not config.agent.uses_replay:
        replay, groups["checkpoint"] = _without_replay(config)
        own = [each for each in own if each[0] not in ("replay", "checkpoint")]
        own += [("replay", replay, field()), ("checkpoint", type(groups["checkpoint"]), field())]
    config = replace(config, **groups)
    typed = make_dataclass(
        "Config", [*own, *_noted(config, "", marks)], bases=(type(config),), frozen=True, kw_only=True
    )
    typed.__doc__ = type(config).__doc__
    return cast("type[Config]", typed), config


def _without_replay(config: "Config") -> "tuple[Any, CheckpointSettings]":
    """Return the type of a replay that tyro leaves out, and checkpoints without their setting of a replay."""
    import tyro

    from rlvision.replay.settings import ReplaySettings

    own = type(config.checkpoint)
    hidden = [("replay", tyro.conf.Suppress[bool], field(default=True))]
    checkpoint = make_dataclass(own.__name__, hidden, bases=(own,), frozen=True, kw_only=True)
    checkpoint.__doc__ = own.__doc__
    replay: Any = tyro.conf.Suppress[ReplaySettings]
    return replay, checkpoint(**vars(config.checkpoint))


def show_options(target: Callable[..., Any], program: str, description: str | None = None, default: Any = None) -> None:
    """Print the options of a command.

    Args:
        target: A dataclass, or a function with a Google docstring.
        program: As the user calls it, such as "rlvision train pong".
        description: Printed above the options; by default, that of the docstring.
        default: An instance of the dataclass whose values are shown as defaults.
    """
    import tyro

    drawing: dict[str, Any] = {} if default is None else {"default": default}
    drawing |= {"prog": program, "description": description, "registry": _spelling_rules()}
    markers = (tyro.conf.FlagConversionOff, tyro.conf.PositionalMetavarFromFieldName)
    with suppress(SystemExit):  # how tyro ends after a help screen
        tyro.cli(target, args=["--help"], config=markers, **drawing)


def _spelling_rules() -> "ConstructorRegistry":
    """Return a rule for tyro to show placeholders and defaults as `rlvision.config.field_types.parse` reads them."""
    from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

    from rlvision.config.field_types import format_value, is_plain, placeholder

    registry = ConstructorRegistry()

    @registry.primitive_rule
    def spell(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        if not is_plain(info.type):
            return None
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar=placeholder(info.type),
            instance_from_str=lambda texts: texts[0],
            is_instance=lambda value: True,
            str_from_instance=lambda value: [format_value(value)],
        )

    return registry


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim")
