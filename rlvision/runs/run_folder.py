"""The folder of one run.

::

    runs/pong-seed1/
      config.yaml      every setting of the run
      history.jsonl    an object a session: when, at which env_steps, what was changed, with which versions
      metrics.jsonl    an object a row, with env_steps
      curve.png        scores against env steps
      checkpoints/     the newest few, the best, the replay
      games/           the games of training, to be watched by rlvision replay
      videos/          a game now and then, as video and page
      wandb/           W&B's own files
      tensorboard/     TensorBoard's

The run folder may lie behind a link; inside it a link is refused, for it may come from a stranger.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlvision.config.loading import differences, read_config, save_config
from rlvision.config.schema import Config
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.files import path_exists
from rlvision.core.folders import remove_leftovers, require_folders
from rlvision.core.locks import folder_lock
from rlvision.core.types import EnvSpec, State
from rlvision.envs.game_archive import GAMES_FOLDER
from rlvision.learning.settings import QLearningSettings
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import history
from rlvision.runs.checkpoint import CheckpointFolder, read_state, require_like
from rlvision.tracking.jsonl import METRICS_FILE
from rlvision.tracking.tensorboard import TENSORBOARD_FOLDER
from rlvision.tracking.wandb import WANDB_FOLDER

VIDEOS_FOLDER = "videos"
FOLDERS = ("checkpoints", "checkpoints/replay", GAMES_FOLDER, VIDEOS_FOLDER, WANDB_FOLDER, TENSORBOARD_FOLDER)
"""In a run folder."""

MAY_CHANGE = (
    "out",
    "env_steps",
    "device",
    "threads",
    "precision",
    "cuda_graphs",
    "deterministic",
    "replay.compression",
    "env.step_timeout",
    "env.max_restarts",
    "wandb",
    "evaluate_every",
    "checkpoint_every",
    "evaluation.",
    "checkpoint.",
    "tracking.",
)
"""Settings that a continued run may change; a trailing dot stands for a group."""

MAX_LISTED = 6
"""Settings that a refusal names; more are those of another preset."""

Changes = Mapping[str, tuple[Any, Any]]
"""By name: (old, new)."""


class RunFolder:
    """Paths of a run, and whether it can be continued with a given configuration.

    Args:
        path: of the folder.
        keep: checkpoints kept besides the best.
        trusts: whether an agent that the folder names by import path may be imported.
    """

    def __init__(self, path: Path, keep: int = 2, *, trusts: Callable[[str], bool] = lambda agent: False) -> None:
        self.path = path
        self._trusts = trusts
        self.config_path = path / "config.yaml"
        self.checkpoints = CheckpointFolder(path / "checkpoints", keep)
        self.games_folder = path / GAMES_FOLDER

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return path_exists(self.config_path)

    def require_no_links(self) -> None:
        """Refuse links at the places of its folders.

        Raises:
            CheckpointError: names the first.
        """
        require_folders(self.path, FOLDERS)

    def check_writable(self) -> None:
        """Refuse, before anything is made, a path that no folder can have, and a folder with what another run left.

        Raises:
            ConfigError: says why.
            CheckpointError: one of its folders is a link.
        """
        with self._writing(), suppress(FileNotFoundError):
            self.path.lstat()
            if not self.path.is_dir():
                raise ConfigError(f"expected a run folder in --out, got the file {self.path}: name another")
            self.require_no_links()
            left = [path.name for path in (self.path / METRICS_FILE, *self.checkpoints.paths()) if path_exists(path)]
            if left and not self.exists:
                raise ConfigError(
                    f"expected a run or a new folder in --out, got {self.path} with {left[0]} and without the "
                    "config.yaml of the run that made it: put that back, or name another folder"
                )

    def has_passed(self, config: Config) -> bool:
        """Whether the run has come further already than it shall go by a plan that is new."""
        if not self.exists or config.env_steps == self.config().env_steps:
            return False
        return any(int(path.stem) > config.env_steps for path in self.checkpoints.paths())

    def config(self) -> Config:
        """The stored configuration.

        Raises:
            CheckpointError: there is no run here, or another release of rlvision made it and knows other settings.
            ConfigError: the file has been damaged.
        """
        if not self.exists:
            raise CheckpointError(f"expected a run folder, got {self.path} without a config.yaml: check the path")
        try:
            return read_config(self.config_path, trusts=self._trusts)
        except ConfigError as error:
            maker, here = history.last_version(self.path), history.versions().get("rlvision")
            if maker in (None, here):
                raise
            raise CheckpointError(
                f"expected a run of rlvision {here} in {self.path}, got one of {maker} ({error}): use that release"
            ) from error

    def require_same_run(self, config: Config) -> None:
        """Refuse to continue the run that is here with settings that would make it another one.

        Raises:
            ConfigError: names what differs.
        """
        changed = {name: values for name, values in differences(self.config(), config).items() if not _may_change(name)}
        if changed:
            raise ConfigError(_refusal(self.path, changed))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and keep other processes from training in it meanwhile.

        A folder made here in which nothing was begun goes again.

        Raises:
            CheckpointError: another process trains there.
            ConfigError: nothing can be written there.
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

    def begin_session(self, config: Config, env_steps: int, using: Mapping[str, str]) -> list[str]:
        """Store the configuration of a session that begins after ``env_steps``, and note in the history what is new.

        Args:
            config: of the session.
            env_steps: of the checkpoint it goes on from, or 0.
            using: what it computes with, in words, by name.

        Returns:
            What has to be said of it, a line each: what differs from the session before, and what that means.

        Raises:
            ConfigError: nothing can be written there.
        """
        settings = differences(self.config(), config) if self.exists else {}
        computing = history.version_changes(self.path, using)
        with self._writing():
            history.open_session(self.path, env_steps, settings, using)
            save_config(config, self.config_path)
        return [*_said_of(settings, config), *_said_of_bits(computing)]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # no path has a zero in it
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(
                f"expected to write to the run folder {self.path}, got {why}: set --out to another"
            ) from error

    def weights(self, which: str, blank: Callable[[EnvSpec], QNetwork]) -> State:
        """Return the checkpoint with the ``best`` evaluation (where there was one) or the ``last``.

        Args:
            which: ``best`` or ``last``.
            blank: makes the network that the weights are for, perhaps without memory for its tensors.

        Raises:
            CheckpointError: there is none yet, or its weights are those of another network.
            ConfigError: it is neither.
        """
        if which not in ("best", "last"):
            raise ConfigError(f"expected the weights best or last, got {which!r}: choose one of them")
        is_best = which == "best" and path_exists(self.checkpoints.best_path)
        state = read_state(self.checkpoints.best_path) if is_best else self.checkpoints.load_newest()
        if state is None:
            raise CheckpointError(
                f"expected a checkpoint in {self.checkpoints.folder}, got none: train first, or wait for the first one"
            )
        require_like(state["online"], blank(spec_from_state(state["spec"])).state_dict(), str(self.checkpoints.folder))
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


def _may_change(name: str) -> bool:
    return any(name == free or (free.endswith(".") and name.startswith(free)) for free in MAY_CHANGE)


def _refusal(path: Path, changed: Changes) -> str:
    some, more = dict(list(changed.items())[:MAX_LISTED]), len(changed) - MAX_LISTED
    others = _listed(some) + (f"; and {more} more" if more > 0 else "")
    return f"expected the settings of the run in {path}, got others ({others}): use them, or another --out"


def _said_of(changed: Changes, config: Config) -> Iterator[str]:
    if changed:
        yield f"accepted: {_listed(changed)}"
    if "env_steps" in changed and (whole := ", ".join(_over_the_whole_run(config))):
        yield (
            f"what changes over the whole run ({whole}) does so up to {config.env_steps:,} "
            "env steps now: it goes on from where the longer or shorter run would be"
        )


def _over_the_whole_run(config: Config) -> Iterator[str]:
    if config.optimiser.schedule != "constant":
        yield "optimiser.schedule"
    if config.replay.prioritised:
        yield "replay.beta"
    if config.exploration.final is not None and config.exploration.final_env_steps is None:
        yield "exploration.final"
    agent = config.agent
    if isinstance(agent, QLearningSettings) and agent.horizon_env_steps is None:
        yield from (f"agent.{name}" for name in ("final_gamma", "final_n_step") if getattr(agent, name) is not None)


def _said_of_bits(computing: Changes) -> Iterator[str]:
    if computing:
        yield f"from here on bits may differ from those of an undisturbed run: {_listed(computing)}"


def _listed(changed: Changes) -> str:
    return "; ".join(f"{name} was {old!r}, is {new!r}" for name, (old, new) in changed.items())
