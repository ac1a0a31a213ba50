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
        checkpoint_bytes: bytes of memory that a checkpoint needs for it.
        setting: name of the setting of its size.
        size: value of that setting.
        batch_setting: name of the setting of the batch size.
        batch_size: B.
        learning_starts: env steps before the first batch is due.
    """

    name: str
    nbytes: int
    checkpoint_bytes: int
    setting: str
    size: int
    batch_setting: str
    batch_size: int
    learning_starts: int

    @property
    def sized(self) -> str:
        """The setting of its size with its value, for an error message."""
        return f"{self.setting} ({self.size:,})"

    @property
    def batched(self) -> str:
        """The setting of the batch size with its value, for an error message."""
        return f"{self.batch_setting} ({self.batch_size})"

    def describe(self) -> str:
        """Return the setting of its size with its value and memory, for an error message."""
        return f"{self.setting} ({self.size:,}, {self.nbytes / 1e9:.2f} GB)"


def experience_of(config: Config, spec: EnvSpec) -> Experience:
    """Return the facts about the agent's memory, without making it; nothing is known of one that is a user's own.

    Args:
        config: of the run.
        spec: of its environments.
    """
    if isinstance(config.agent, RolloutSettings):
        return _rollout(config.agent, spec)
    return _replay(config, spec) if config.agent.uses_replay else _unknown(config)


def never_learns(config: Config) -> bool:
    """Return whether a run is too short for an update; False for an agent whose memory is its own.

    An agent with a replay learns while the environments step, so the last step comes too late.
    """
    replay, num_envs = config.replay, config.env.num_envs
    if isinstance(config.agent, RolloutSettings):
        return not config.agent.updates(config.env_steps, num_envs)
    env_steps = (math.ceil(config.env_steps / num_envs) - 1) * num_envs - replay.learning_starts
    return config.agent.uses_replay and replay.samples_per_env_step * env_steps < replay.batch_size


def _replay(config: Config, spec: EnvSpec) -> Experience:
    replay = config.replay
    masses = 8 * replay.capacity if replay.prioritised else 0
    return Experience(
        name="replay",
        nbytes=required_bytes(replay, spec),
        checkpoint_bytes=4 * masses + (3 * BLOCK_BYTES if config.checkpoint.replay else 0),
        setting="replay.capacity",
        size=replay.capacity,
        batch_setting="replay.batch_size",
        batch_size=replay.batch_size,
        learning_starts=replay.learning_starts,
    )


def _rollout(settings: RolloutSettings, spec: EnvSpec) -> Experience:
    nbytes = rollout_bytes(settings, spec)
    return Experience(
        name="rollout",
        nbytes=nbytes,
        checkpoint_bytes=3 * nbytes,
        setting="agent.rollout_steps",
        size=settings.rollout_steps,
        batch_setting="agent.batch_size",
        batch_size=settings.batch_size,
        learning_starts=(settings.rollout_steps + 1) * spec.num_envs,
    )


def _unknown(config: Config) -> Experience:
    num_envs = config.env.num_envs
    return Experience("memory of the agent", 0, 0, "env.num_envs", num_envs, "env.num_envs", num_envs, 0)
