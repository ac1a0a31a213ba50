"""Any Gymnasium environment with a Discrete action space, seen as pixels."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from rlvision.core.errors import ConfigError, EnvCrashError, EnvError
from rlvision.core.types import BoolArray, EnvSpec, IntArray, Progress, UInt8Array
from rlvision.envs.env_group import Seat, Slot, SlotGroup
from rlvision.envs.gymnasium_make import World
from rlvision.envs.preprocessing import Crop, View
from rlvision.envs.restart_limit import Faults, Restarts
from rlvision.envs.vector_env import Outcome, TapedVectorEnv
from rlvision.envs.worker_pool import Workers

CHUNK = 32
"""Steps of a replay between two reports of its progress."""


class Slots(Protocol):
    """N environments, wherever they run.

    What fails is told, not raised: the others have done what was asked. The next restart or step of an environment that
    failed makes it anew first.
    """

    def observation(self) -> UInt8Array:
        """A copy of the observations [N, C, H, W]."""

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [N] by their seeds [N]."""

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Start a step with the actions [N]; a game that is over begins anew with its next seed."""

    def finish(self) -> Sequence[Any]:
        """Reward, terminated, truncated and first of the step, each [N], and the faults."""

    def repeat(self, tapes: Sequence[Sequence[int]]) -> Faults:
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

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [N] by their seeds [N]."""
        return self.group.restart(mask, seeds)

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Note the step."""
        self._noted = action, next_seeds

    def finish(self) -> Sequence[Any]:
        """Do the step."""
        return self.group.step(*self._noted)

    def repeat(self, tapes: Sequence[Sequence[int]]) -> Faults:
        """Go on with N tapes of actions, of any length."""
        return self.group.repeat(tapes)

    def close(self) -> None:
        """Close the environments."""
        self.group.close()


class RenderedEnv(TapedVectorEnv):
    """N copies of a Gymnasium environment, in this process or in workers: with the same results, bit for bit.

    ::

        image observation, else render() -> [crop] -> [gray] -> [max over the last two] -> resize (INTER_AREA) -> stack

    Every reset is a seeded one. An environment that raises an error, and one whose worker dies or hangs, is made anew,
    and the game it played is cut::

        row            t     t+1    t+2 (fails)   t+3
        observation    o0    o1     o2            o0'    a reset's, of the next seed of the tape
        action         a0    a1     a2            a0'
        reward         r1    r2     0             r1'    what a2 brought is not known
        ended          -     -      -             -      no end: the game has no score
        first          yes   -      -             yes    so row t+2 never starts a transition, and those before it
                                                         bootstrap from o2, as at any truncation

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
        step_timeout: seconds that a worker may take for one step or reset of one environment; 0, any.
        max_restarts: failures of an environment within 1,000 steps after which it is made anew; the next is an error.

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
        step_timeout: float = 60.0,
        max_restarts: int = 3,
    ) -> None:
        if num_envs < 1 or min(num_workers, step_timeout, max_restarts) < 0:
            raise ConfigError(
                "expected num_envs >= 1 and num_workers, step_timeout and max_restarts >= 0, "
                f"got {num_envs}, {num_workers}, {step_timeout} and {max_restarts}"
            )
        world = World(name, dict(kwargs or {}), max_episode_steps)
        seat = Seat(world, View(height=height, width=width, crop=crop, gray=gray, stack=stack), frameskip, maxpool)
        super().__init__(probe(seat, num_envs), reseed_after=0)
        shape = (num_envs, *self.spec.observation_shape)
        self._restarts = Restarts(num_envs, max_restarts)
        self._slots: Slots = Workers(seat, num_workers, shape, step_timeout) if num_workers else LocalSlots(seat, shape)

    def slot(self, index: int) -> Slot | None:
        """Environment ``index`` itself, where it runs in this process."""
        return self._slots.group.slots[index] if isinstance(self._slots, LocalSlots) else None

    def _begin(self, action: IntArray) -> None:
        self._slots.begin(action, [tape.next_seed for tape in self.tapes])

    def _finish(self) -> Outcome:
        self._restarts.count_step()
        reward, terminated, truncated, first, faults = self._slots.finish()
        skipped = self._mend(faults, 1)
        first[list(skipped)] = True
        return Outcome(self._slots.observation(), reward, terminated, truncated, first, skipped)

    def _restart(self, mask: BoolArray, seeds: Sequence[int]) -> UInt8Array:
        """Where a reset fails it is tried once more by the same seed, for the seed may be what was asked for."""
        for index, skipped in self._mend(self._slots.restart(mask, seeds), 0).items():
            if skipped:
                self.tapes[index].restart(skipped - 1)
        return self._slots.observation()

    def _mend(self, faults: Faults, resets: int) -> dict[int, int]:
        """Make the environments that failed anew and begin games in them; the tapes stay as they are.

        Args:
            faults: what failed.
            resets: of the tape's seeds, the one to begin with: 0 is the tape's own, 1 the next.

        Returns:
            How many seeds had to be skipped, for each that failed.

        Raises:
            EnvError: one failed too often.
        """
        skipped = dict.fromkeys(faults, 0)
        while faults:
            self._restarts.note(faults)
            mask = np.isin(np.arange(len(self.tapes)), list(faults))
            seeds = [tape.seed_after(resets + skipped.get(index, 0)) for index, tape in enumerate(self.tapes)]
            faults = self._slots.restart(mask, seeds)
            for index in faults:
                skipped[index] += 1
        return skipped

    def _reseed(self, due: BoolArray, observation: UInt8Array) -> UInt8Array:
        """Nothing to do: the step has reset them by their next seeds already."""
        return observation

    def _replay(self, progress: Progress) -> UInt8Array:
        """Reset all and repeat their tapes, a chunk at a time; no tape reaches past the end of a game.

        What fails meanwhile is not where it was: the caller finds out, and begins another game there.
        """
        self._restarts.note(self._slots.restart(np.ones(len(self.tapes), dtype=np.bool_), self._tape_seeds()))
        tapes = [tape.actions.tolist() for tape in self.tapes]
        longest = max(map(len, tapes))
        for start in range(0, longest, CHUNK):
            self._restarts.note(self._slots.repeat([tape[start : start + CHUNK] for tape in tapes]))
            progress(min(start + CHUNK, longest), longest)
        return self._slots.observation()

    def _release(self) -> None:
        self._slots.close()


def probe(seat: Seat, num_envs: int) -> EnvSpec:
    """Make one environment to learn what it is.

    Raises:
        EnvError: it cannot begin even one game.
    """
    try:
        slot = Slot(seat)
        try:
            return EnvSpec(num_envs, slot.observation_shape(), seat.view.channels, slot.meanings, seat.frameskip)
        finally:
            slot.close()
    except EnvCrashError as fault:
        raise EnvError(f"{fault}: mend the environment, or its arguments in env.kwargs") from fault
