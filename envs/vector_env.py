"""The base class of vector environments: send and recv, rows, action logs, save and resume."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch

from rlvision.core.errors import EnvError
from rlvision.core.types import BoolArray, EnvSpec, EnvStep, FloatArray, IntArray, Progress, State, UInt8Array
from rlvision.envs.action_log import ActionLog, check_state
from rlvision.envs.validation import Info


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a step of N environments, in arrays that belong to the receiver."""

    observation: UInt8Array  # [N, C, H, W]
    reward: FloatArray  # [N]
    terminated: BoolArray  # [N]
    truncated: BoolArray  # [N]
    first: BoolArray  # [N] the observation is a reset's
    skipped: Mapping[int, int] = field(default_factory=dict)  # environment -> seeds that it failed to begin with


class ReplayableVectorEnv(ABC):
    """A `rlvision.core.types.VectorEnv` whose environments are restored from their action logs.

    A subclass steps, resets by seed and replays; this class checks, keeps the action logs and builds the rows.

    Args:
        spec: shapes and names.
        reseed_after: a reset uses a seed once the action log holds at least this many steps; 0: every reset does.
        first_index: place of environment 0 in a larger vector, from which the seeds of `reset` derive.

    Attributes:
        action_logs: one for each environment.
        progress: called during a replay with the steps done and their total.
    """

    def __init__(self, spec: EnvSpec, reseed_after: int, first_index: int = 0) -> None:
        self._spec, self._reseed_after, self._first_index = spec, reseed_after, first_index
        self._seed = 0
        self._observation: UInt8Array | None = None
        self._first: BoolArray = np.zeros(spec.num_envs, dtype=np.bool_)
        self._pending: IntArray | None = None
        self._in_step = True  # the environments agree with their action logs
        self._closed = False
        self.action_logs: list[ActionLog] = []
        self.progress: Progress = lambda done, total: None

    @property
    def spec(self) -> EnvSpec:
        """Shapes and names."""
        return self._spec

    @property
    def observation(self) -> UInt8Array:
        """Observations [N, C, H, W] uint8 that the next `send` acts on, oldest frame first; never changed later."""
        if self._observation is None:
            raise EnvError("expected environments in play, got none yet: reset(seed) or load_state_dict(state) first")
        return self._observation

    @property
    def first(self) -> BoolArray:
        """Whether each current observation comes from a reset, [N]."""
        return self._first.copy()

    @property
    def stepping(self) -> bool:
        """Whether a step is under way."""
        return self._pending is not None

    def reset(self, seed: int) -> UInt8Array:
        """Reset every environment, environment i by a seed derived from (seed, first_index + i)."""
        self.expect_idle("reset")
        if seed < 0:
            raise EnvError(f"expected a seed of at least 0, got {seed}: choose another")
        self._begin_action_logs(seed)
        return self._start()

    def rewind(self, seeds: Sequence[int]) -> UInt8Array:
        """Reset every environment by the seed [N] of an action log, so that its actions can be repeated."""
        self.expect_idle("rewind")
        self._begin_action_logs(0)
        for action_log, seed in zip(self.action_logs, seeds, strict=True):
            action_log.seed = seed
        return self._start()

    def begin_games(self, seeds: Mapping[int, int]) -> UInt8Array:
        """Begin new games by exactly these seeds in some environments; the other environments play on.

        Do not save such environments: a state knows the seeds of `reset` only.

        Args:
            seeds: environment -> seed of its new game.
        """
        self.expect_idle("begin_games")
        begun = np.isin(np.arange(self._spec.num_envs), list(seeds))  # [N]
        for index, seed in seeds.items():
            self.action_logs[index].restart()
            self.action_logs[index].seed = seed
        self._first = self._first | begun
        self._observation = self._restart(begun, self._action_log_seeds())
        return self._observation

    def send(self, action: IntArray) -> None:
        """Start a step with the actions [N] and return at once; the environments step in the background.

        Raises:
            EnvError: an action is not one of the A, or a step is still under way.
        """
        self.expect_ready()
        self._pending = check_action(action, self._spec)
        self._begin(self._pending)

    def recv(self) -> EnvStep:
        """Wait for the step begun by `send` and return its complete row.

        After a step that fails, the state is the one before the step, and can be saved.

        Raises:
            EnvError: there is no such step, an environment failed, or a reward is not a finite number.
        """
        return self.advance(*self.wait())

    def step(self, action: IntArray) -> EnvStep:
        """Call `send`, then `recv`."""
        self.send(action)
        return self.recv()

    def wait(self) -> tuple[IntArray, Outcome]:
        """Wait for the step, the first half of `recv`; return its actions and its outcome, not yet in the logs."""
        if self._pending is None:
            raise EnvError("expected send(action) before recv(), got recv() alone: send actions first")
        action, self._pending = self._pending, None
        self._in_step = False
        outcome = self._finish()
        if not np.isfinite(outcome.reward).all():  # the last check before the replay, for every kind of environment
            raise EnvError(f"expected finite rewards, got {outcome.reward.tolist()}: fix the environment's reward")
        return action, outcome

    def advance(self, action: IntArray, outcome: Outcome) -> EnvStep:
        """Move on to the outcome of a step, the second half of `recv`, and return the row."""
        for action_log, taken in zip(self.action_logs, action.tolist(), strict=True):
            action_log.append(taken)
        ended = outcome.terminated, outcome.truncated
        row = EnvStep(self.observation, action, outcome.reward, *ended, self._first)
        self._first = outcome.first
        self._observation = self._restart_action_logs(outcome)
        self._in_step = True
        return row

    def seeds(self) -> tuple[int, ...]:
        """Return N seeds, those of each environment's last seeded reset."""
        return tuple(action_log.seed for action_log in self.action_logs)

    @abstractmethod
    def infos(self) -> list[Info]:
        """Return Gymnasium's ``info`` of each environment's last reset or step, [N]."""

    def state_dict(self) -> State:
        """Return the action logs, and a hash of each observation to verify them by; no emulators."""
        self.expect_idle("state_dict")
        return {
            "seed": self._seed,
            "counts": torch.tensor([action_log.count for action_log in self.action_logs]),
            "actions": [torch.from_numpy(action_log.to_numpy()) for action_log in self.action_logs],
            "first": torch.from_numpy(self._first.copy()),
            "hashes": [observation_hash(observation) for observation in self.observation],
        }

    def load_state_dict(self, state: State) -> None:
        """Reset, replay the action logs and verify; an environment that is not restored begins a new game.

        Raises:
            CheckpointError: the state is of other environments.
        """
        self.expect_idle("load_state_dict")
        self._load_action_logs(state)
        self._observation = self._replay(self.progress)
        self._first = np.asarray(state["first"], dtype=np.bool_).copy()
        found = [observation_hash(observation) for observation in self._observation]
        self._begin_lost(np.array([a != b for a, b in zip(found, state["hashes"], strict=True)]))

    def close(self) -> None:
        """Release processes and emulators; may be called twice."""
        if not self._closed:
            self._closed = True
            self._release()

    def expect_ready(self) -> None:
        """Refuse a `send` that cannot be: before a reset, during a step, after one that failed, or after `close`."""
        self.expect_idle("send")
        _ = self.observation
        if not self._in_step:
            raise EnvError("expected reset(seed) or load_state_dict(state) after a step that failed, got send(action)")

    def expect_idle(self, verb: str) -> None:
        """Refuse ``verb`` on closed environments and during a step."""
        if self._closed:
            raise EnvError(f"expected open environments, got {verb}() after close(): make new ones")
        if self._pending is not None:
            raise EnvError(f"expected recv() after send(action), got {verb}(): receive the step under way first")

    @abstractmethod
    def _release(self) -> None:
        """Release processes and emulators, even during a step."""

    @abstractmethod
    def _begin(self, action: IntArray) -> None:
        """Start stepping all environments with valid actions [N]."""

    @abstractmethod
    def _finish(self) -> Outcome:
        """Wait for the step."""

    @abstractmethod
    def _restart(self, mask: BoolArray, seeds: Sequence[int]) -> UInt8Array:
        """Reset the masked environments by seed; return all N observations, the others' as they were."""

    @abstractmethod
    def _reseed(self, due: BoolArray, observation: UInt8Array) -> UInt8Array:
        """Bring the environments ``due``, just reset, to the start of their new logs; return all observations."""

    @abstractmethod
    def _replay(self, progress: Progress) -> UInt8Array:
        """Bring all environments to the end of their action logs; return all N observations."""

    def _restart_action_logs(self, outcome: Outcome) -> UInt8Array:
        """Start new action logs for the environments that are due."""
        if not outcome.first.any():
            return outcome.observation
        due = outcome.first & (np.array([len(action_log) for action_log in self.action_logs]) >= self._reseed_after)
        if not due.any():
            return outcome.observation
        for index in np.flatnonzero(due):
            self.action_logs[index].restart(outcome.skipped.get(int(index), 0))
        return self._reseed(due, outcome.observation)

    def _start(self) -> UInt8Array:
        """Reset all environments by the seeds of their action logs."""
        self._first = np.ones(self._spec.num_envs, dtype=np.bool_)
        self._observation = self._restart(self._first, self._action_log_seeds())
        return self._observation

    def _begin_action_logs(self, seed: int) -> None:
        self._seed, self._in_step = seed, True
        places = range(self._first_index, self._first_index + self._spec.num_envs)
        self.action_logs = [ActionLog(seed, place, self._spec.num_actions) for place in places]

    def _load_action_logs(self, state: State) -> None:
        check_state(state, self._spec)
        self._begin_action_logs(int(state["seed"]))
        for action_log, count, taken in zip(self.action_logs, state["counts"].tolist(), state["actions"], strict=True):
            action_log.rewind_to(count, taken.tolist())

    def _begin_lost(self, lost: BoolArray) -> None:
        """Begin a new game in the environments that were not restored."""
        if not lost.any():
            return
        logging.getLogger("rlvision").warning(
            "%d of %d environments did not repeat their past (they are not deterministic, or have changed): "
            "new games begin there and the interrupted ones count as truncated",
            lost.sum(),
            len(lost),
        )
        for index in np.flatnonzero(lost):
            self.action_logs[index].restart()
        self._first = self._first | lost
        self._observation = self._restart(lost, self._action_log_seeds())

    def _action_log_seeds(self) -> list[int]:
        return [action_log.seed for action_log in self.action_logs]


def observation_hash(observation: UInt8Array) -> str:
    """Return a hash of one observation."""
    return blake2b(observation.tobytes(), digest_size=16).hexdigest()


def check_action(action: object, spec: EnvSpec) -> IntArray:
    """Return a copy of the actions [N]; raise an EnvError if they are not N integers, each one of the A actions."""
    shape, count = (spec.num_envs,), spec.num_actions
    if not isinstance(action, np.ndarray) or action.shape != shape or action.dtype.kind not in "iu":
        got = f"{action.dtype} {list(action.shape)}" if isinstance(action, np.ndarray) else type(action).__name__
        raise EnvError(f"expected a numpy array of {shape[0]} integer actions, got {got}: convert them")
    if action.min() < 0 or action.max() >= count:
        raise EnvError(f"expected actions from 0 to {count - 1}, got {action.tolist()}: choose among these")
    return action.astype(np.int64)
