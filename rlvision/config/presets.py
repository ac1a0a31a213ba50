"""Presets: named YAML files that hold only the settings that differ from the defaults."""

import re
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from rlvision.config.fields import unknown
from rlvision.config.world_names import is_atari_name, is_world_name
from rlvision.core.errors import ConfigError
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.user_code import HERE

SUFFIXES = (".yaml", ".yml")
FOR_ATARI, FOR_OTHERS = "atari", "pixels"
"""Presets that suit every game of a kind."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset, whose file starts with two comments, ``# Trains: …`` and ``# Takes: …``."""

    name: str
    text: str

    @property
    def trains(self) -> str:
        """Return one line about the game and the network that it trains."""
        return self._comment("Trains")

    @property
    def takes(self) -> str:
        """Return one line about the time that it takes and the score that it reaches."""
        return self._comment("Takes")

    def _comment(self, label: str) -> str:
        start = f"# {label}: "
        return next((line.removeprefix(start) for line in self.text.splitlines() if line.startswith(start)), "")


def known_presets() -> tuple[Preset, ...]:
    """Return the presets bundled with rlvision, sorted by name."""
    found = (entry for entry in files("rlvision.configs").iterdir() if entry.name.endswith(SUFFIXES))
    made = (Preset(Path(entry.name).stem, entry.read_text(encoding="utf-8")) for entry in found)
    return tuple(sorted(made, key=lambda preset: preset.name))


def is_preset(name: str) -> bool:
    """Return whether a preset of this name is bundled."""
    return name in {preset.name for preset in known_presets()}


def find_preset(name: str) -> Preset:
    """Return the preset called ``name``, or the one in the file at that path.

    Raises:
        ConfigError: There is no such preset or file; the message names the nearest preset.
    """
    if name.endswith(SUFFIXES) or "/" in name:
        return Preset(Path(name).stem, read_text(Path(name)))
    known = {preset.name: preset for preset in known_presets()}
    if name not in known:
        expected = f"a preset ({', '.join(known)}), a YAML file or the name of a world"
        raise unknown(expected, name, known, "rlvision presets describes them")
    return known[name]


def preset_for(name: str) -> tuple[Preset, dict[str, Any]]:
    """Return the preset called ``name``, and no overrides; for a world, the preset of its kind, and the world's name.

    The preset of a world is named like the world, for its run folder.

    Raises:
        ConfigError: there is no such preset, file or world.
    """
    if is_preset(name) or name.endswith(SUFFIXES) or not is_world_name(name):
        return find_preset(name), {}
    found = find_preset(FOR_ATARI if is_atari_name(name) else FOR_OTHERS)
    return replace(found, name=folder_name(name)), {"env.game": name}


def folder_name(world: str) -> str:
    """Return the name of a world as a part of a path."""
    return re.sub(r"[^\w.-]+", "-", world.removeprefix(f"{HERE}:"))


def read_text(path: AnyPath) -> str:
    """Read a YAML file as UTF-8.

    Raises:
        ConfigError: It cannot be read.
    """
    path = as_path(path)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: AnyPath, error: Exception) -> ConfigError:
    """Return the error for a YAML file that cannot be read."""
    reason = " ".join(str(error).split())
    return ConfigError(f"expected a readable YAML file at {path}, got {reason}: check the path")
