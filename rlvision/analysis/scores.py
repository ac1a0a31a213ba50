"""The score of a trained agent: of its last evaluation, of its card, or played anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from rlvision.config.fields import flatten
from rlvision.core.errors import CheckpointError
from rlvision.runs.eval_protocol import HowToPlay, conditions
from rlvision.runs.export_folder import ExportFolder
from rlvision.runs.export_manifest import played_settings
from rlvision.runs.find import find_agent, stored_settings
from rlvision.runs.run import Run
from rlvision.runs.run_folder import RunFolder
from rlvision.tracking.jsonl import read_metrics


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
    config = stored_settings(folder)
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


@dataclass(frozen=True, slots=True)
class Score:
    """The mean raw score of whole games, and how it was measured."""

    mean: float
    games: int
    env_steps: int  # decisions of training before it
    protocol: str | None
    epsilon: float


def stored_score(source: Source) -> Score:
    """What is known of an agent without playing: a run's last evaluation, or what an export's card says.

    Raises:
        CheckpointError: it was never evaluated, or its files cannot be read.
    """
    if isinstance(source.folder, ExportFolder):
        return _card_score(source, source.folder)
    return _last_evaluation(source, source.folder)


def played_score(
    source: Source, games: int, *, checkpoint: str, device: str, trust_imports: bool, **how: Unpack[HowToPlay]
) -> Score:
    """Whole games played now; see `rlvision.runs.run.Run.measure`.

    Args:
        source: the agent.
        games: how many.
        checkpoint: of a run, ``last`` or ``best``; an export has one set of weights.
        device: as in the configuration.
        trust_imports: as of `rlvision.runs.run.Run`.
        how: see `rlvision.runs.eval_protocol.HowToPlay`.
    """
    weights = "best" if isinstance(source.folder, ExportFolder) else checkpoint
    agent = Run(source.place, weights=weights, device=device, trust_imports=trust_imports)
    report = agent.measure(games, **how)
    about = report.conditions
    return Score(report.evaluation.mean, games, agent.env_steps, about.protocol, about.epsilon)


def _last_evaluation(source: Source, folder: RunFolder) -> Score:
    rows = [row for row in read_metrics(folder.path) if "evaluate/mean" in row]
    if not rows:
        raise CheckpointError(f"expected an evaluation in {folder.path}, got none yet: add --games=30 to play now")
    row = rows[-1]
    games, env_steps = int(row["evaluate/games"]), int(row["env_steps"])
    return Score(row["evaluate/mean"], games, env_steps, source.protocol, source.epsilon)


def _card_score(source: Source, folder: ExportFolder) -> Score:
    """What was measured as the run's own evaluations were, else what stands first."""
    scores = folder.manifest.scores
    own = [score for score in scores if score.get("protocol") == source.protocol]
    if not scores:
        raise CheckpointError(f"expected scores on the card of {folder.path}, got none: add --games=30 to play now")
    return _read_card((own or scores)[0], folder)


def _read_card(score: Mapping[str, Any], folder: ExportFolder) -> Score:
    try:
        mean, games, epsilon = float(score["mean"]), int(score["games"]), float(score["epsilon"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"expected mean, games and epsilon in the scores of {folder.path}, got {error}: add --games=30 to play now"
        ) from error
    return Score(mean, games, folder.manifest.env_steps, score.get("protocol"), epsilon)
