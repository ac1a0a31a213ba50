"""The folder of one run.

::

    runs/pong-seed1/
      config.yaml      all settings of the run
      history.jsonl    one object per session: time, env_steps, changed settings, versions
      metrics.jsonl    one object per row of metrics, with env_steps
      curve.png        scores against env steps
      checkpoints/     the newest few, the best, the replay
      games/           training games for rlvision replay
      videos/          some games as videos and pages
      wandb/           files of W&B
      tensorboard/     files of TensorBoard

The run folder may lie behind a link. Links inside it are refused, because the folder may come from a stranger.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rlvision.config.continuing import Changes, list_changes, refusal, refused_changes
from rlvision.config.loading import CONFIG_FILE, differences, read_config, save_config
from rlvision.config.schema import Config
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.files import path_exists
from rlvision.core.folders import remove_leftovers, require_folders
from rlvision.core.locks import folder_lock
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.signals import INTERRUPTED
from rlvision.core.types import EnvSpec, State
from rlvision.core.wording import as_written, shown
from rlvision.envs.game_archive import GAMES_FOLDER
from rlvision.learning.settings import QLearningSettings
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import history
from rlvision.runs.checkpoint import CheckpointFolder, read_state, require_like
from rlvision.runs.stored_spec import spec_from_state
from rlvision.tracking.jsonl import METRICS_FILE
from rlvision.tracking.tensorboard import TENSORBOARD_FOLDER
from rlvision.tracking.wandb import WANDB_FOLDER

VIDEOS_FOLDER = "videos"
FOLDERS = ("checkpoints", "checkpoints/replay", GAMES_FOLDER, VIDEOS_FOLDER, WANDB_FOLDER, TENSORBOARD_FOLDER)
"""Folders in a run folder."""


class RunFolder:
    """The paths of a run, its stored settings, and checks that it can be continued.

    Args:
        path: of the folder.
        keep: checkpoints to keep, in addition to the best.
        trusts: whether an agent that the folder names by import path may be imported.
    """

    def __init__(self, path: AnyPath, keep: int = 2, *, trusts: Callable[[str], bool] = lambda agent: False) -> None:
        self.path = path = as_path(path)
        self._trusts = trusts
        self.config_path = path / CONFIG_FILE
        self.checkpoints = CheckpointFolder(path / "checkpoints", keep)
        self.games_folder = path / GAMES_FOLDER

    def __repr__(self) -> str:
        """Return its path."""
        return f"RunFolder({str(self.path)!r})"

    @property
    def exists(self) -> bool:
        """Return whether the folder contains a run."""
        return path_exists(self.config_path)

    def require_no_links(self) -> None:
        """Refuse links in place of the folders of a run.

        Raises:
            CheckpointError: the message names the first link.
        """
        require_folders(self.path, FOLDERS)

    def check_writable(self) -> None:
        """Refuse a path that cannot be a run folder, and a folder with files of another run. Nothing is created.

        Raises:
            ConfigError: the message says why.
            CheckpointError: a folder inside is a link.
        """
        with self._writing(), suppress(FileNotFoundError):
            self.path.lstat()
            if not self.path.is_dir():
                raise ConfigError(
                    f"expected a run folder in {as_written('out')}, got the file {shown(self.path)}: name another"
                )
            self.require_no_links()
            found = [path.name for path in (self.path / METRICS_FILE, *self.checkpoints.paths()) if path_exists(path)]
            if found and not self.exists:
                raise ConfigError(
                    f"expected a run or a new folder in {as_written('out')}, got {shown(self.path)} with {found[0]} "
                    "and without the config.yaml of that run: put the file back, or name another folder"
                )

    def has_passed(self, config: Config) -> bool:
        """Return whether ``config`` has a new number of env steps, and the run is past it already."""
        if not self.exists or config.env_steps == self.config().env_steps:
            return False
        return any(int(path.stem) > config.env_steps for path in self.checkpoints.paths())

    def finished(self, config: Config) -> str | None:
        """Return a message if the run is finished, its newest checkpoint is intact, and ``config`` is no longer.

        Raises:
            ConfigError: as in `require_same_run`.
        """
        self.require_same_run(config)
        ended, paths = history.end_reason(self.path), self.checkpoints.paths()
        if not paths or ended is None or ended.startswith(INTERRUPTED) or config.env_steps > self.config().env_steps:
            return None
        with suppress(CheckpointError):
            read_state(paths[-1])
            return f"{shown(self.path)} is finished: {ended}; only a larger {as_written('env_steps')} trains it further"
        return None

    @property
    def trained_by(self) -> str:
        """Return the name of the agent."""
        return self.config().agent.name

    def config(self) -> Config:
        """Return the stored configuration.

        Raises:
            CheckpointError: there is no run here, or another release of rlvision made it with other settings.
            ConfigError: the file is damaged.
        """
        if not self.exists:
            raise CheckpointError(
                f"expected a run folder, got {shown(self.path)} without a config.yaml: check the path"
            )
        try:
            return read_config(self.config_path, trusts=self._trusts)
        except ConfigError as error:
            maker, here = history.last_version(self.path), history.versions().get("rlvision")
            if maker in (None, here):
                raise
            raise CheckpointError(
                f"expected a run of rlvision {here} in {shown(self.path)}, got one of {maker} ({error}): "
                "use that release"
            ) from error

    def require_same_run(self, config: Config) -> None:
        """Refuse to continue the run with settings that may not change.

        Raises:
            ConfigError: the message names the settings that differ.
        """
        if changed := refused_changes(differences(self.config(), config)):
            raise ConfigError(refusal(self.path, changed))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder and lock it against other processes inside the block.

        A new folder is removed again if no run was begun in it.

        Raises:
            CheckpointError: another process trains in the folder.
            ConfigError: the folder cannot be written.
        """
        with self._writing():
            was_there = self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
        try:
            with folder_lock(self.path):
                with self._writing():
                    remove_leftovers(self.path, FOLDERS)
                yield
        finally:
            if not (was_there or self.exists):
                with suppress(OSError):  # something else is in it
                    self.path.rmdir()

    def begin_session(
        self, config: Config, env_steps: int, using: Mapping[str, str], origin: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Store the configuration of a session that begins at ``env_steps``, and record its changes in the history.

        Args:
            config: of the session.
            env_steps: of its checkpoint, or 0.
            using: versions, device and other conditions of the computation, by name.
            origin: as in `rlvision.runs.history.open_session`.

        Returns:
            Messages for the user: the differences from the last session, and their effects.

        Raises:
            ConfigError: the folder cannot be written.
        """
        settings = differences(self.config(), config) if self.exists else {}
        conditions = history.version_changes(self.path, using)
        with self._writing():
            history.open_session(self.path, env_steps, settings, using, origin)
            save_config(config, self.config_path)
        return [*_setting_messages(settings, config), *_bit_messages(conditions)]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: a null byte in the path
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(
                f"expected to write to the run folder {shown(self.path)}, got {why}: set {as_written('out')} to another"
            ) from error

    def weights(self, which: str, blank: Callable[[EnvSpec], QNetwork]) -> State:
        """Return the checkpoint with the ``best`` evaluation, or the ``last``; without an evaluation, best is last.

        Args:
            which: ``best`` or ``last``.
            blank: makes the network of the weights, perhaps without memory for its tensors.

        Raises:
            CheckpointError: there is no checkpoint yet, or its weights are those of another network.
            ConfigError: ``which`` is neither.
        """
        if which not in ("best", "last"):
            raise ConfigError(f"expected the weights best or last, got {which!r}: choose one of them")
        is_best = which == "best" and path_exists(self.checkpoints.best_path)
        state = read_state(self.checkpoints.best_path) if is_best else self.checkpoints.load_newest()
        if state is None:
            raise CheckpointError(
                f"expected a checkpoint in {shown(self.checkpoints.folder)}, got none: train first, or wait for the "
                "first one"
            )
        require_like(
            state["online"], blank(spec_from_state(state["spec"])).state_dict(), shown(self.checkpoints.folder)
        )
        return state


def _setting_messages(changed: Changes, config: Config) -> Iterator[str]:
    if changed:
        yield f"accepted: {list_changes(changed)}"
    if "env_steps" in changed and (schedules := ", ".join(_whole_run_schedules(config))):
        yield (
            f"schedules over the whole run ({schedules}) now end at {config.env_steps:,} env steps: they continue "
            "from where they would be in a run of that length"
        )


def _whole_run_schedules(config: Config) -> Iterator[str]:
    if config.optimiser.schedule != "constant":
        yield "optimiser.schedule"
    if config.replay.prioritised:
        yield "replay.beta"
    if config.exploration.final is not None and config.exploration.final_env_steps is None:
        yield "exploration.final"
    agent = config.agent
    if isinstance(agent, QLearningSettings) and agent.horizon_env_steps is None:
        yield from (f"agent.{name}" for name in ("final_gamma", "final_n_step") if getattr(agent, name) is not None)


def _bit_messages(conditions: Changes) -> Iterator[str]:
    if others := {name: values for name, values in conditions.items() if not name.startswith(history.CODE)}:
        yield f"from here on, results may differ in bits from an uninterrupted run: {list_changes(others)}"
