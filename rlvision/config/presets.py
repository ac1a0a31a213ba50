"""Presets: named starting points, each a YAML file that holds only what differs from the defaults."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rlvision.config.fields import unknown
from rlvision.core.errors import ConfigError

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Preset:
    """A starting point; its file begins with two comments, ``# Trains: …`` and ``# Takes: …``."""

    name: str
    text: str

    @property
    def trains(self) -> str:
        """What it trains, in a line."""
        return self._comment("Trains")

    @property
    def takes(self) -> str:
        """How long it takes, and what it reaches."""
        return self._comment("Takes")

    def _comment(self, label: str) -> str:
        start = f"# {label}: "
        return next((line.removeprefix(start) for line in self.text.splitlines() if line.startswith(start)), "")


def presets() -> tuple[Preset, ...]:
    """The presets that come with rlvision, by name."""
    found = (entry for entry in files("rlvision.configs").iterdir() if entry.name.endswith(SUFFIXES))
    made = (Preset(Path(entry.name).stem, entry.read_text(encoding="utf-8")) for entry in found)
    return tuple(sorted(made, key=lambda preset: preset.name))


def find_preset(name: str) -> Preset:
    """The preset called ``name``, or in the file of that path.

    Raises:
        ConfigError: there is no such preset or file; the message names the nearest.
    """
    if name.endswith(SUFFIXES) or "/" in name:
        return Preset(Path(name).stem, read_text(Path(name)))
    known = {preset.name: preset for preset in presets()}
    if name not in known:
        expected = f"a preset ({', '.join(known)}) or a YAML file"
        raise unknown(expected, name, known, "rlvision presets describes them")
    return known[name]


def read_text(path: Path) -> str:
    """The text of a file in UTF-8; a ConfigError where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> ConfigError:
    """Return what to say of a YAML file that cannot be read."""
    reason = " ".join(str(error).split())
    return ConfigError(f"expected a readable YAML file at {path}, got {reason}: check the path")
