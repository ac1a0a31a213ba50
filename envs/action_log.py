"""The action log of an environment: the seed of its last seeded reset and every action since, a byte a step.

A checkpoint stores nothing else of an environment: resetting with the seed and repeating the actions restores it, bit
for bit. Resets that the environment does by itself on the way, without a seed, repeat too.
"""

from array import array
from collections.abc import Iterable

import numpy as np

from rlvision.core.types import UInt8Array

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
        seed: of the reset the action log starts from.
        next_seed: of the seeded reset after it.
        actions: since then, those included that a resetting step ignored.
    """

    def __init__(self, base: int, env_index: int, num_actions: int) -> None:
        self._base, self._env_index = base, env_index
        self._typecode = "B" if num_actions <= 256 else "i"
        self.rewind_to(0, ())

    def rewind_to(self, count: int, actions: Iterable[int]) -> None:
        """Hold ``actions`` since the seeded reset number ``count``."""
        self.count = count
        self.seed = episode_seed(self._base, self._env_index, count)
        self.next_seed = episode_seed(self._base, self._env_index, count + 1)
        self.actions = array(self._typecode, actions)

    def restart(self, skipped: int = 0) -> None:
        """Begin at the next seeded reset: a new seed and no actions.

        Args:
            skipped: seeds to leave out because no game could begin with them.
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
        """Copy the actions to an array [T]: uint8, or int32 where there are more than 256."""
        return np.array(self.actions, dtype=self._typecode)
