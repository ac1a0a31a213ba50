"""The folder of one run.

::

    runs/pong-seed1/
      config.yaml      every setting of the run
      metrics.jsonl    an object a row, with env_steps
      curve.png        scores against env steps
      checkpoints/     the newest few, the best, the replay
      tapes/           the games of training, to be watched by rlvision replay
      wandb/           W&B's own files
"""

import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlvision.checkpoint import CheckpointFolder, read_state
from rlvision.config import Config
from rlvision.errors import CheckpointError, ConfigError
from rlvision.protocols import EnvSpec
from rlvision.settings.store import differences, read_config, save_config
from rlvision.tapes import TAPES_FOLDER
from rlvision.types import State

MAY_CHANGE = (
    "out",
    "env_steps",
    "device",
    "threads",
    "precision",
    "wandb",
    "evaluate_every",
    "checkpoint_every",
    "evaluation.",
    "checkpoint.",
    "tracking.",
)
"""Settings that a continued run may change; a trailing dot stands for a group."""

_log = logging.getLogger("rlvision")


class RunFolder:
    """Paths of a run, and whether it can be continued with a given configuration."""

    def __init__(self, path: Path, keep: int = 2) -> None:
        self.path = path
        self.config_path = path / "config.yaml"
        self.checkpoints = CheckpointFolder(path / "checkpoints", keep)
        self.tapes_folder = path / TAPES_FOLDER

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.config_path.exists()

    def config(self) -> Config:
        """The stored configuration.

        Raises:
            CheckpointError: there is no run here.
        """
        if not self.exists:
            raise CheckpointError(f"expected a run folder, got {self.path} without a config.yaml: check the path")
        return read_config(self.config_path)

    def require_same_run(self, config: Config) -> None:
        """Refuse to continue the run that is here with settings that would make it another one.

        Raises:
            ConfigError: names what differs.
        """
        changed = {name: values for name, values in differences(self.config(), config).items() if not _may_change(name)}
        if changed:
            raise ConfigError(_refusal(self.path, changed))

    @contextmanager
    def claimed(self, config: Config) -> Iterator[None]:
        """Make the folder, keep other processes from training in it meanwhile, and store the configuration.

        Raises:
            CheckpointError: another process trains there.
            ConfigError: nothing can be written there.
        """
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
        with _alone_in(self.path):
            with self._writing():
                save_config(config, self.config_path)
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"expected to write to the run folder {self.path}, got {error.strerror}: set --out to another"
            ) from error

    def weights(self, which: str) -> State:
        """The checkpoint with the ``best`` evaluation (where there was one) or the ``last``.

        Raises:
            CheckpointError: there is none yet.
            ConfigError: it is neither.
        """
        if which not in ("best", "last"):
            raise ConfigError(f"expected the weights best or last, got {which!r}: choose one of them")
        if which == "best" and self.checkpoints.best_path.exists():
            return read_state(self.checkpoints.best_path)
        state = self.checkpoints.load_newest()
        if state is None:
            raise CheckpointError(
                f"expected a checkpoint in {self.checkpoints.folder}, got none: train first, or wait for the first one"
            )
        return state


def spec_to_state(spec: EnvSpec) -> State:
    """A spec as plain values."""
    return asdict(spec)


def spec_from_state(state: State) -> EnvSpec:
    """The spec that `spec_to_state` made plain."""
    channels, height, width = state["observation_shape"]
    return EnvSpec(
        num_envs=state["num_envs"],
        observation_shape=(channels, height, width),
        frame_channels=state["frame_channels"],
        action_meanings=tuple(state["action_meanings"]),
        frameskip=state["frameskip"],
    )


def require_same_spec(stored: EnvSpec, present: EnvSpec) -> None:
    """Refuse environments that are not those of the checkpoint.

    Raises:
        CheckpointError: names what differs.
    """
    if stored != present:
        raise CheckpointError(
            f"expected the environments of the checkpoint, {stored}, got {present}: "
            "install the versions of ale-py and Gymnasium that the run was begun with"
        )


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Lock a folder; a process that dies lets go of it. Where a file system knows no locks, a line says so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise CheckpointError(
            f"expected to train in {folder} alone, got another process at it: let it end, or set --out to another"
        ) from error
    except OSError as error:
        _log.warning("expected to lock %s, got %s: take care that no second process trains there", folder, error)
    try:
        yield
    finally:
        os.close(descriptor)


def _may_change(name: str) -> bool:
    return any(name == free or (free.endswith(".") and name.startswith(free)) for free in MAY_CHANGE)


def _refusal(path: Path, changed: Mapping[str, tuple[Any, Any]]) -> str:
    listed = "; ".join(f"{name} was {old!r}, is {new!r}" for name, (old, new) in changed.items())
    return f"expected the settings of the run in {path}, got others ({listed}): use them, or another --out"
