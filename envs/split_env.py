"""A vector of environments in two halves, so that one half steps while a policy acts for the other.

::

    emulators     half 0: t   | half 1: t   | half 0: t+1 | half 1: t+1 | ...
    the network               | acts for 0  | acts for 1  | acts for 0  | ...

The order is fixed, so the results are those of the same halves stepped in turn, bit for bit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Protocol

import numpy as np
import torch

from rlvision.core.errors import EnvError
from rlvision.core.types import BoolArray, EnvSpec, EnvStep, IntArray, Progress, State, UInt8Array, VectorEnv
from rlvision.envs.action_log import ActionLog, check_state
from rlvision.envs.validation import Info
from rlvision.envs.vector_env import ReplayableVectorEnv, check_action

Act = Callable[[int, UInt8Array, BoolArray], IntArray]
"""Which half, its observations [N/2, C, H, W] and ``first`` [N/2] -> its actions [N/2]."""


class ReplayableEnv(VectorEnv, Protocol):
    """Environments with action logs, from which they are restored; whole or in halves."""

    progress: Progress
    """Called during a replay with the steps done and their total."""

    @property
    def action_logs(self) -> list[ActionLog]:
        """Return the action log of each environment."""

    def rewind(self, seeds: Sequence[int]) -> UInt8Array:
        """Reset every environment by its own seed, [N]."""

    def begin_games(self, seeds: Mapping[int, int]) -> UInt8Array:
        """Begin a game by its seed in each of the given environments; the others play on."""

    def infos(self) -> list[Info]:
        """Return Gymnasium's ``info`` of each environment's last reset or step, [N]."""


class SplitEnv:
    """Two halves of N environments, which are also stepped as one vector.

    Environment i is the same, bit for bit, as environment i of one vector of N with the same seed, and the state of
    either can be loaded into the other. `play_double_buffered` steps the halves at different times. Between its rows
    the halves are `stepping`, and only `action_logs`, `observation`, `first` and `seeds` can be read.

    If a step of the whole fails in one half, the other half's outcome is dropped, so that the whole is as it was before
    the step and can be saved. That cannot be promised to a caller who steps the halves at different times: when one
    fails, the other may be a step ahead.

    Args:
        make_half: makes N/2 environments; its argument is the place of the first one in the whole.

    Attributes:
        parts: the halves.
        progress: called during a replay with the steps done and their total.
    """

    def __init__(self, make_half: Callable[[int], ReplayableVectorEnv]) -> None:
        front = make_half(0)
        try:
            self.parts: tuple[ReplayableVectorEnv, ReplayableVectorEnv] = front, make_half(front.spec.num_envs)
        except BaseException:
            front.close()
            raise
        self._half = front.spec.num_envs
        self._spec = replace(front.spec, num_envs=2 * self._half)
        self._joined: tuple[list[UInt8Array], UInt8Array] | None = None  # the halves' observations, and the whole
        self.progress: Progress = lambda done, total: None

    @property
    def spec(self) -> EnvSpec:
        """Shapes and names of the whole."""
        return self._spec

    @property
    def observation(self) -> UInt8Array:
        """Observations [N, C, H, W] uint8, oldest frame first; never changed later."""
        halves = [part.observation for part in self.parts]
        if self._joined is None or any(new is not old for new, old in zip(halves, self._joined[0], strict=True)):
            self._joined = halves, np.concatenate(halves)
        return self._joined[1]

    @property
    def first(self) -> BoolArray:
        """Whether each current observation comes from a reset, [N]."""
        return np.concatenate([part.first for part in self.parts])

    @property
    def action_logs(self) -> list[ActionLog]:
        """The action log of each environment."""
        return [action_log for part in self.parts for action_log in part.action_logs]

    def reset(self, seed: int) -> UInt8Array:
        """Reset every environment, environment i by a seed derived from (seed, i)."""
        self._expect_idle("reset")
        for part in self.parts:
            part.reset(seed)
        return self.observation

    def rewind(self, seeds: Sequence[int]) -> UInt8Array:
        """Reset every environment by the seed [N] of an action log, so that its actions can be repeated."""
        self._expect_idle("rewind")
        for part, share in zip(self.parts, self._shares(), strict=True):
            part.rewind(seeds[share])
        return self.observation

    def begin_games(self, seeds: Mapping[int, int]) -> UInt8Array:
        """Begin new games by exactly these seeds in some environments, as `ReplayableVectorEnv` does."""
        self._expect_idle("begin_games")
        for part, share in zip(self.parts, self._shares(), strict=True):
            own = {index - share.start: seed for index, seed in seeds.items() if share.start <= index < share.stop}
            if own:
                part.begin_games(own)
        return self.observation

    def send(self, action: IntArray) -> None:
        """Start a step of both halves with the actions [N] and return at once.

        Raises:
            EnvError: an action is not one of the A, or a step is still under way; then neither half steps.
        """
        for part in self.parts:
            part.expect_ready()
        action = check_action(action, self._spec)
        for part, share in zip(self.parts, self._shares(), strict=True):
            part.send(action[share])

    def recv(self) -> EnvStep:
        """Wait for both halves and return the complete row.

        If an environment fails in a half, the state of the whole is the one before the step, and can be saved.

        Raises:
            EnvError: there is no such step, an environment failed, or a reward is not a finite number.
        """
        if not all(part.stepping for part in self.parts):
            raise EnvError("expected send(action) before recv(), got recv() alone: send actions first")
        front, back = self.parts
        try:
            outcome = front.wait()
        finally:
            other = back.wait()  # received before an error is raised, so that neither half is left in a step
        return join([front.advance(*outcome), back.advance(*other)])

    def step(self, action: IntArray) -> EnvStep:
        """Call `send`, then `recv`."""
        self.send(action)
        return self.recv()

    def seeds(self) -> tuple[int, ...]:
        """Return N seeds, those of each environment's last seeded reset."""
        return tuple(seed for part in self.parts for seed in part.seeds())

    def infos(self) -> list[Info]:
        """Return Gymnasium's ``info`` of each environment's last reset or step, [N]."""
        return [info for part in self.parts for info in part.infos()]

    def state_dict(self) -> State:
        """Return the state that one vector of N would have."""
        self._expect_idle("state_dict")
        front, back = (part.state_dict() for part in self.parts)
        lists = {name: front[name] + back[name] for name in ("actions", "hashes")}
        tensors = {name: torch.cat([front[name], back[name]]) for name in ("counts", "first")}
        return {"seed": front["seed"], **tensors, **lists}

    def load_state_dict(self, state: State) -> None:
        """Restore both halves from the state of a vector of N, whole or split.

        Raises:
            CheckpointError: the state is of other environments; both halves are as they were.
        """
        self._expect_idle("load_state_dict")
        check_state(state, self._spec)
        steps = [max(map(len, state["actions"][share])) for share in self._shares()]
        for part, share, before in zip(self.parts, self._shares(), (0, steps[0]), strict=True):
            part.progress = self._progress_after(before, sum(steps))
            own = {name: state[name][share] for name in ("counts", "actions", "first", "hashes")}
            part.load_state_dict({"seed": state["seed"], **own})

    def close(self) -> None:
        """Release processes and emulators of both halves, even if one fails to; may be called twice."""
        front, back = self.parts
        try:
            front.close()
        finally:
            back.close()

    def _shares(self) -> tuple[slice, slice]:
        return slice(0, self._half), slice(self._half, 2 * self._half)

    def _expect_idle(self, verb: str) -> None:
        """Refuse ``verb`` before either half has begun it."""
        for part in self.parts:
            part.expect_idle(verb)

    def _progress_after(self, before: int, total: int) -> Progress:
        """Return the progress of a half whose replay follows ``before`` steps of a total."""
        return lambda done, own_total: self.progress(before + done, total)


def play_double_buffered(env: SplitEnv, act: Act, steps: int) -> Iterator[EnvStep]:
    """Make ``steps`` steps and yield their rows; while one half steps, the policy acts for the other.

    The halves stand still again only after the last row. Until then they cannot be saved.

    Args:
        env: the environments.
        act: chooses actions, for half 0 and half 1 by turns.
        steps: of each half.
    """
    if steps < 1:
        return
    _send_all(env, act)
    for left in reversed(range(steps)):
        rows = []
        for half, part in enumerate(env.parts):
            rows.append(part.recv())
            if left:
                part.send(act(half, part.observation, part.first))
        yield join(rows)


def _send_all(env: SplitEnv, act: Act) -> None:
    for half, part in enumerate(env.parts):
        part.send(act(half, part.observation, part.first))


def join(rows: Sequence[EnvStep]) -> EnvStep:
    """Return the row of the whole from the rows of its halves."""
    return EnvStep(*(np.concatenate([getattr(row, field.name) for row in rows]) for field in fields(EnvStep)))
