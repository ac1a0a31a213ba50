"""Help screens: tyro draws a command's options from its types, docstrings and defaults.

tyro only draws. Arguments are read by `rlvision.settings.arguments`, because a mistake is to be one line, and
the same line whether it was made in a file, on the command line or in Python.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from rlvision.config import Config
from rlvision.settings.hints import is_plain, placeholder, spelling
from rlvision.settings.presets import find_preset, presets
from rlvision.settings.store import load_config

MARKERS = (tyro.conf.FlagConversionOff, tyro.conf.PositionalMetavarFromFieldName)
HOW_TO_SET = "Write --name=value, a list as --env.crop=34,194,0,160, a mapping as --env.kwargs='{lap: 0.9}'."

_registry = ConstructorRegistry()


@_registry.primitive_rule
def _spell_as_we_do(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show placeholders and defaults as `rlvision.settings.hints.parse` reads them."""
    if not is_plain(info.type):
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=placeholder(info.type),
        instance_from_str=lambda texts: texts[0],
        is_instance=lambda value: True,
        str_from_instance=lambda value: [spelling(value)],
    )


def show_help(target: Callable[..., Any], program: str, description: str | None = None, default: Any = None) -> None:
    """Print the options of a command.

    Args:
        target: A dataclass, or a function with a Google docstring.
        program: As the user calls it, such as "rlvision train pong".
        description: What stands above the options; by default the docstring's.
        default: An instance of the dataclass whose values are shown as defaults.
    """
    drawing: dict[str, Any] = {} if default is None else {"default": default}
    drawing |= {"prog": program, "description": description, "registry": _registry}
    with suppress(SystemExit):  # how tyro ends after a help screen
        tyro.cli(target, args=["--help"], config=MARKERS, **drawing)


def show_train(preset: str | None) -> None:
    """Print all settings, with the values of a preset as defaults where one is named."""
    if preset is None:
        names = ", ".join(known.name for known in presets())
        about = f"Train an agent; the same command continues the run in its folder.\n\nPRESET: {names}, or a YAML file."
        return show_help(Config, "rlvision train PRESET", f"{about}\n\n{HOW_TO_SET}", Config())
    found = find_preset(preset)
    about = f"Trains {found.trains}.\n\nTakes {found.takes}." if found.trains else f"Settings of {preset}."
    return show_help(Config, f"rlvision train {preset}", f"{about}\n\n{HOW_TO_SET}", load_config(preset))
