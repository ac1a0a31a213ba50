"""Writing an export: the whole folder or nothing of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rlvision.config import Config
from rlvision.durable import PART, sync_folder, write_atomically
from rlvision.errors import ConfigError
from rlvision.exports import tensors
from rlvision.exports.card import card
from rlvision.exports.folder import CARD, MODEL, digest, laid_out, layout_of
from rlvision.exports.manifest import MANIFEST, Manifest
from rlvision.history import versions
from rlvision.nn.qnetwork import QNetwork
from rlvision.protocols import EnvSpec
from rlvision.report import Report
from rlvision.settings.names import flatten, nest

TRAINING = ("env.num_envs", "replay.", "agent.", "optimiser.", "exploration.")
"""Settings of the training that an export tells of; a trailing dot stands for a group."""


def require_free(out: Path) -> None:
    """Refuse, before anything is played, a place where no new folder could be written.

    Raises:
        ConfigError: there is something, or nothing can be written there.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"expected a new folder in --out, got {out}, which is there: name another")
    part = _part(out)
    try:
        part.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part)  # with what an export left that was killed
    except OSError as error:
        raise ConfigError(f"expected a folder to write in --out, got {out}: {error.strerror}; name another") from error


def write_export(
    out: Path,
    place: str,
    *,
    config: Config,
    spec: EnvSpec,
    env_steps: int,
    network: QNetwork,
    reports: Sequence[Report],
) -> None:
    """Write an export to a new folder.

    Args:
        out: the folder; not there yet, or empty.
        place: what the card's commands call it.
        config: of the run.
        spec: of its environments.
        env_steps: decisions that the weights were trained for.
        network: the weights, of a network without quantiles.
        reports: evaluations of exactly these weights.

    Raises:
        ConfigError: it cannot be written there.
    """
    require_free(out)
    layout = layout_of(network)
    weights = tensors.to_bytes(laid_out(network, layout))
    manifest = Manifest(
        config=config,
        spec=spec,
        sha256=digest(weights),
        layout=layout,
        env_steps=env_steps,
        training=_training(config, env_steps * spec.frameskip),
        scores=tuple(report.to_plain() for report in reports),
        versions=versions(),
    )
    text = card(place, manifest, reports)
    _write_folder(out, {MODEL: weights, MANIFEST: manifest.to_json(), CARD: text.encode()})


def _training(config: Config, frames: int) -> dict[str, object]:
    settings = {name: value for name, value in flatten(config).items() if name.startswith(TRAINING)}
    return {"seed": config.seed, "frames": frames, **nest(settings)}


def _write_folder(out: Path, files: dict[str, bytes]) -> None:
    """Write the files beside, then rename their folder."""
    part = _part(out)
    try:
        part.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(part / name, content)
        part.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise ConfigError(
            f"expected to write {out}, got {error.strerror}: make room, or set --out to another"
        ) from error


def _part(out: Path) -> Path:
    return out.with_name(f".{out.name}{PART}")
