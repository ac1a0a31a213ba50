"""The action log of an environment: the seed of its last seeded reset, and every action since, one byte per step.

A checkpoint stores nothing else of an environment. A reset with the seed and the same actions restore it bit for bit,
including the resets without a seed that it made on the way.
"""

from array import array
from collections.abc import Iterable

import numpy as np

from rlvision.core.errors import CheckpointError
from rlvision.core.types import EnvSpec, State, UInt8Array

SEED_BITS = 31  # emulators keep their seed in a signed 32-bit integer


def episode_seed(seed: int, env_index: int, count: int) -> int:
    """Return the seed of an environment's seeded reset number ``count``, in [0, 2^31).

    Args:
        seed: of the reset of all environments, at least 0.
        env_index: the environment's place in the vector.
        count: seeded resets of this environment before this one.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(env_index, count))
    return int(sequence.generate_state(1)[0]) >> (32 - SEED_BITS)


class ActionLog:
    """The actions of an environment since its last seeded reset.

    Attributes:
        count: seeded resets before the one the action log starts from.
        seed: seed of the reset that the action log starts from.
        next_seed: seed of the seeded reset after it.
        actions: all actions since then, including those that a resetting step ignored.
    """

    def __init__(self, base: int, env_index: int, num_actions: int) -> None:
        self._base, self._env_index = base, env_index
        self._typecode = "B" if num_actions <= 256 else "i"
        self.rewind_to(0, ())

    def rewind_to(self, count: int, actions: Iterable[int]) -> None:
        """Replace the log by ``actions`` since the seeded reset number ``count``."""
        self.count = count
        self.seed = episode_seed(self._base, self._env_index, count)
        self.next_seed = episode_seed(self._base, self._env_index, count + 1)
        self.actions = array(self._typecode, actions)

    def restart(self, skipped: int = 0) -> None:
        """Start a new log at the next seeded reset, without actions.

        Args:
            skipped: number of seeds to skip because no game could begin with them.
        """
        self.rewind_to(self.count + 1 + skipped, ())

    def seed_after(self, resets: int) -> int:
        """Return the seed of a later reset; number 0 is the one the action log starts from."""
        return episode_seed(self._base, self._env_index, self.count + resets) if resets else self.seed

    def append(self, action: int) -> None:
        """Add the action of one more step."""
        self.actions.append(action)

    def __len__(self) -> int:
        return len(self.actions)

    def to_numpy(self) -> UInt8Array:
        """Copy the actions to an array [T]: uint8, or int32 if there are more than 256 different actions."""
        return np.array(self.actions, dtype=self._typecode)


def check_state(state: State, spec: EnvSpec) -> None:
    """Raise a CheckpointError if a state has another number of environments, or an action that they do not have."""
    actions = [np.asarray(action_log) for action_log in state["actions"]]
    highest = max((int(action_log.max()) for action_log in actions if len(action_log)), default=0)
    if len(actions) != spec.num_envs or highest >= spec.num_actions:
        raise CheckpointError(
            f"expected action logs of {spec.num_envs} environments with {spec.num_actions} actions, "
            f"got {len(actions)} action logs with actions up to {highest}: resume with the settings of the run"
        )
