"""Runs and exports as a comparison sees them: which game, which seed, which settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvision.exports.finding import find_agent
from rlvision.exports.folder import ExportFolder
from rlvision.exports.manifest import played_settings
from rlvision.playing import conditions
from rlvision.run_folder import RunFolder
from rlvision.settings.names import flatten


@dataclass(frozen=True, slots=True)
class Source:
    """A run, or an export of one."""

    place: Path
    folder: RunFolder | ExportFolder
    game: str  # rom id, or Gymnasium's
    protocol: str | None  # of its evaluations, in words; None of what is no Atari game
    epsilon: float  # of its evaluations
    seed: int  # of its training
    frameskip: int  # emulator frames per env step
    settings: Mapping[str, Any]  # of its training by dotted name, as far as they are known


def read_source(place: Path) -> Source:
    """What a run folder or an export says of itself; nothing is loaded or played.

    Args:
        place: folder of a run, of an export, or the name of an agent that comes along.

    Raises:
        CheckpointError: there is neither, or it is damaged.
        ConfigError: its settings cannot be used.
    """
    folder = find_agent(place, trust_imports=True)  # its words are read, and nothing that they name is imported
    config = folder.config()
    settings = _export_settings(folder) if isinstance(folder, ExportFolder) else flatten(config)
    about = conditions(config, config.evaluation.epsilon, 0)
    return Source(
        place=place,
        folder=folder,
        game=about.game,
        protocol=about.protocol,
        epsilon=about.epsilon,
        seed=settings["seed"],
        frameskip=config.env.frameskip,
        settings=settings,
    )


def _export_settings(folder: ExportFolder) -> dict[str, Any]:
    manifest = folder.manifest
    return {**played_settings(manifest.config), **_leaves(manifest.training)}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested mappings by dotted name."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        name = prefix + key
        leaves |= _leaves(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return leaves
