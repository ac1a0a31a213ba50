"""Any Gymnasium environment with a Discrete action space, seen as pixels."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from rlvision.envs.pixels import Crop, View
from rlvision.envs.processes import Workers
from rlvision.envs.slot import Seat, Slot, SlotGroup
from rlvision.envs.vector import Outcome, Progress, TapedVectorEnv
from rlvision.envs.worlds import World
from rlvision.errors import ConfigError
from rlvision.protocols import EnvSpec
from rlvision.types import BoolArray, IntArray, UInt8Array

CHUNK = 32
"""Steps of a replay between two reports of its progress."""


class Slots(Protocol):
    """N environments, wherever they run."""

    def observation(self) -> UInt8Array:
        """A copy of the observations [N, C, H, W]."""

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> None:
        """Reset the masked environments [N] by their seeds [N]."""

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Start a step with the actions [N]; a game that is over begins anew with its next seed."""

    def finish(self) -> Sequence[Any]:
        """Reward, terminated, truncated and first of the step, each [N]."""

    def repeat(self, tapes: Sequence[Sequence[int]]) -> None:
        """Go on with N tapes of actions, of any length."""

    def close(self) -> None:
        """Release everything."""


class LocalSlots:
    """N environments in this process, stepped when the result is asked for."""

    def __init__(self, seat: Seat, shape: tuple[int, int, int, int]) -> None:
        self._observation = np.zeros(shape, dtype=np.uint8)
        self._noted: tuple[IntArray, Sequence[int]] = np.empty(0, dtype=np.int64), ()
        self.group = SlotGroup(seat, self._observation)

    def observation(self) -> UInt8Array:
        """A copy of the observations [N, C, H, W]."""
        return self._observation.copy()

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> None:
        """Reset the masked environments [N] by their seeds [N]."""
        self.group.restart(mask, seeds)

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Note the step."""
        self._noted = action, next_seeds

    def finish(self) -> Sequence[Any]:
        """Do the step."""
        return self.group.step(*self._noted)

    def repeat(self, tapes: Sequence[Sequence[int]]) -> None:
        """Go on with N tapes of actions, of any length."""
        self.group.repeat(tapes)

    def close(self) -> None:
        """Close the environments."""
        self.group.close()


class RenderedEnv(TapedVectorEnv):
    """N copies of a Gymnasium environment, in this process or in workers: with the same results, bit for bit.

    ::

        image observation, else render() -> [crop] -> [gray] -> [max over the last two] -> resize (INTER_AREA) -> stack

    Every reset is a seeded one.

    Args:
        name: a registered id, ``package:Id-v0``, or ``package.module:EnvClass``.
        num_envs: N.
        height: of a frame; None keeps the (cropped) screen's.
        width: of a frame; None keeps the (cropped) screen's.
        crop: the part (top, bottom, left, right) of the screen to keep, before resizing.
        stack: frames in one observation; zeros before the first.
        frameskip: steps of the environment per action; their rewards are summed.
        maxpool: take the brighter of the last two frames, pixel by pixel: for sprites that flicker on a dark ground
            (dark things on a bright ground would fade).
        gray: one channel a frame instead of three.
        kwargs: arguments of the environment.
        max_episode_steps: the environment's own steps after which a game is truncated; None: as registered.
        num_workers: processes that step the environments; 0: this one.

    Raises:
        ConfigError: if there is no such environment, or a setting is impossible.
        EnvError: if its actions are not Discrete, it cannot be seen, or it fails.
        MissingExtraError: if what it needs is not installed.
    """

    def __init__(
        self,
        name: str,
        num_envs: int,
        *,
        height: int | None = 84,
        width: int | None = 84,
        crop: Crop | None = None,
        stack: int = 4,
        frameskip: int = 1,
        maxpool: bool = False,
        gray: bool = True,
        kwargs: Mapping[str, Any] | None = None,
        max_episode_steps: int | None = None,
        num_workers: int = 0,
    ) -> None:
        if num_envs < 1 or num_workers < 0:
            raise ConfigError(f"expected num_envs >= 1 and num_workers >= 0, got {num_envs} and {num_workers}")
        world = World(name, dict(kwargs or {}), max_episode_steps)
        seat = Seat(world, View(height=height, width=width, crop=crop, gray=gray, stack=stack), frameskip, maxpool)
        super().__init__(probe(seat, num_envs), reseed_after=0)
        shape = (num_envs, *self.spec.observation_shape)
        self._slots: Slots = Workers(seat, num_workers, shape) if num_workers else LocalSlots(seat, shape)

    def slot(self, index: int) -> Slot | None:
        """Environment ``index`` itself, where it runs in this process."""
        return self._slots.group.slots[index] if isinstance(self._slots, LocalSlots) else None

    def _begin(self, action: IntArray) -> None:
        self._slots.begin(action, [tape.next_seed for tape in self.tapes])

    def _finish(self) -> Outcome:
        reward, terminated, truncated, first = self._slots.finish()
        return Outcome(self._slots.observation(), reward, terminated, truncated, first)

    def _restart(self, mask: BoolArray, seeds: Sequence[int]) -> UInt8Array:
        self._slots.restart(mask, seeds)
        return self._slots.observation()

    def _reseed(self, due: BoolArray, observation: UInt8Array) -> UInt8Array:
        """Nothing to do: the step has reset them by their next seeds already."""
        return observation

    def _replay(self, progress: Progress) -> UInt8Array:
        """Reset all and repeat their tapes, a chunk at a time; no tape reaches past the end of a game."""
        self._slots.restart(np.ones(len(self.tapes), dtype=np.bool_), self._tape_seeds())
        tapes = [tape.actions.tolist() for tape in self.tapes]
        longest = max(map(len, tapes))
        for start in range(0, longest, CHUNK):
            self._slots.repeat([tape[start : start + CHUNK] for tape in tapes])
            progress(min(start + CHUNK, longest), longest)
        return self._slots.observation()

    def _release(self) -> None:
        self._slots.close()


def probe(seat: Seat, num_envs: int) -> EnvSpec:
    """Make one environment to learn what it is."""
    slot = Slot(seat)
    try:
        return EnvSpec(num_envs, slot.observation_shape(), seat.view.channels, slot.meanings, seat.frameskip)
    finally:
        slot.close()
