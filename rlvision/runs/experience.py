"""Facts about an agent's memory that follow from its settings: its size, its batches, and when learning starts."""

import math
from dataclasses import dataclass

from rlvision.config.schema import Config
from rlvision.core.types import EnvSpec
from rlvision.learning.rollout import rollout_bytes
from rlvision.learning.settings import RolloutSettings
from rlvision.replay.buffer import required_bytes
from rlvision.replay.persistence import BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Experience:
    """A replay or a rollout, as the settings describe it.

    Attributes:
        name: "replay" or "rollout".
        nbytes: bytes of its rows.
        checkpoint_bytes: bytes of memory in which a checkpoint holds what belongs to it.
        setting: the setting of its size, with its value.
        batch_setting: the setting of the batch size, with its value.
        batch_size: B.
        learning_starts: env steps before the first batch is due.
    """

    name: str
    nbytes: int
    checkpoint_bytes: int
    setting: str
    batch_setting: str
    batch_size: int
    learning_starts: int

    def describe(self) -> str:
        """Return the setting of its size with its value and memory, for an error message."""
        return f"{self.setting[:-1]}, {self.nbytes / 1e9:.2f} GB)"


def experience_of(config: Config, spec: EnvSpec) -> Experience:
    """Return the facts about the agent's memory, without making it.

    Args:
        config: of the run.
        spec: of its environments.
    """
    if isinstance(config.agent, RolloutSettings):
        return _rollout(config.agent, spec)
    return _replay(config, spec)


def never_learns(config: Config) -> bool:
    """Return whether no update is due before the last step, which is too late: updates run during the next step."""
    replay, num_envs = config.replay, config.env.num_envs
    rows = math.ceil(config.env_steps / num_envs)
    if isinstance(config.agent, RolloutSettings):
        return rows <= config.agent.rollout_steps
    env_steps = (rows - 1) * num_envs - replay.learning_starts
    return replay.samples_per_env_step * env_steps < replay.batch_size


def _replay(config: Config, spec: EnvSpec) -> Experience:
    replay = config.replay
    masses = 8 * replay.capacity if replay.prioritised else 0
    return Experience(
        name="replay",
        nbytes=required_bytes(replay, spec),
        checkpoint_bytes=4 * masses + (3 * BLOCK_BYTES if config.checkpoint.replay else 0),
        setting=f"replay.capacity ({replay.capacity:,})",
        batch_setting=f"replay.batch_size ({replay.batch_size})",
        batch_size=replay.batch_size,
        learning_starts=replay.learning_starts,
    )


def _rollout(settings: RolloutSettings, spec: EnvSpec) -> Experience:
    nbytes = rollout_bytes(settings, spec)
    return Experience(
        name="rollout",
        nbytes=nbytes,
        checkpoint_bytes=3 * nbytes,
        setting=f"agent.rollout_steps ({settings.rollout_steps:,})",
        batch_setting=f"agent.batch_size ({settings.batch_size})",
        batch_size=settings.batch_size,
        learning_starts=settings.rollout_steps * spec.num_envs,
    )
