"""Any Gymnasium environment with a Discrete action space, observed as pixels."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rlvision.core.action_masks import with_mask
from rlvision.core.errors import ConfigError, EnvCrashError, EnvError
from rlvision.core.types import BoolArray, EnvSpec, EnvStep, IntArray, Progress, UInt8Array
from rlvision.envs.env_group import EnvGroup, EnvRunner, Faults
from rlvision.envs.mask_checks import MASK_LINE, require_legal
from rlvision.envs.preprocessing import frame_channels, frames_per_decision, require_sizes
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import Info
from rlvision.envs.vector_env import Outcome, ReplayableVectorEnv, check_action
from rlvision.envs.worker_pool import EnvBackend, WorkerPool
from rlvision.envs.world_view import WorldView

CHUNK = 32
"""Steps of a replay between two reports of its progress."""
WINDOW_STEPS = 1_000
"""Steps of an environment within which its failures are counted together."""


class LocalBackend:
    """N environments in this process, which `finish` steps."""

    def __init__(self, settings: EnvSettings, spec: EnvSpec) -> None:
        self._observation = np.zeros((spec.num_envs, *spec.observation_shape), dtype=np.uint8)
        self._action_mask = np.ones((spec.num_envs, spec.mask_size), dtype=np.bool_)
        self._pending: tuple[IntArray, Sequence[int]] = np.empty(0, dtype=np.int64), ()
        self.group = EnvGroup(settings, self._observation, self._action_mask)

    def observation(self) -> UInt8Array:
        """Return a copy of the observations [N, C, H, W]."""
        return self._observation.copy()

    def action_mask(self) -> BoolArray:
        """Return a copy of the masks [N, A]."""
        return self._action_mask.copy()

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [N] by their seeds [N]."""
        return self.group.restart(mask, seeds)

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Store the actions for `finish`."""
        self._pending = action, next_seeds

    def finish(self) -> Sequence[Any]:
        """Make the step; return reward, terminated, truncated and first, each [N], and the faults."""
        return self.group.step(*self._pending)

    def repeat(self, action_logs: Sequence[Sequence[int]]) -> Faults:
        """Take the actions of N action logs, of any length."""
        return self.group.repeat(action_logs)

    def picture(self, index: int) -> UInt8Array:
        """Return the current screen [H, W, 3] of an environment."""
        return self.group.picture(index)

    def infos(self) -> tuple[list[Info], Faults]:
        """Return what each environment told last, [N], and no faults."""
        return self.group.infos(), {}

    def close(self) -> None:
        """Close the environments."""
        self.group.close()


class GymnasiumEnv(ReplayableVectorEnv):
    """N copies of a Gymnasium environment, in this process or in workers, with the same results bit for bit.

    ::

        image observation, else render() -> [crop] -> [gray] -> [max over the last two] -> resize (INTER_AREA) -> stack

    Every reset has a seed. An environment is replaced, and its game is cut, when it raises an error or when its worker
    dies or hangs::

        row            t     t+1    t+2 (fails)   t+3
        observation    o0    o1     o2            o0'    a reset's, of the next seed of the action log
        action         a0    a1     a2            a0'
        reward         r1    r2     0             r1'    the reward of a2 is not known
        ended          -     -      -             -      no end: the game has no score
        first          yes   -      -             yes    so row t+2 never starts a transition, and those before it
                                                         bootstrap from o2, as at any truncation

    Args:
        settings: of the environment.
        num_envs: N.

    Attributes:
        view: what the agent sees of it.
        decisions_per_second: at its own pace.

    Raises:
        ConfigError: there is no such environment, or a setting is impossible.
        EnvError: its actions are not Discrete, it has no pictures, or it fails.
        MissingExtraError: a package that it needs is not installed.
    """

    def __init__(self, settings: EnvSettings, num_envs: int) -> None:
        check_writable(settings, num_envs)
        spec, self.view, self.decisions_per_second = probe(settings, num_envs)
        super().__init__(spec, reseed_after=0)
        self._mask_at_send: BoolArray = np.ones((num_envs, spec.mask_size), dtype=np.bool_)
        self._restart_limit = RestartLimit(num_envs, settings.max_restarts)
        self._backend: EnvBackend = (
            WorkerPool(settings, EnvGroup, spec) if settings.num_workers else LocalBackend(settings, spec)
        )

    def picture(self, index: int) -> UInt8Array:
        """Return the current screen [H, W, 3] of an environment; raise EnvCrashError if it cannot be drawn."""
        self.expect_ready()
        return self._backend.picture(index)

    def infos(self) -> list[Info]:
        """Return the ``info`` of each environment's last reset or step, [N]; plain values only, if workers step it."""
        self.expect_ready()
        infos, faults = self._backend.infos()
        self._restart_limit.add(faults)
        return infos

    @property
    def action_mask(self) -> BoolArray:
        """The actions that are legal at the current observations, [N, A]; [N, 0] in a world without masks."""
        return self._mask_at_send if self.stepping else self._backend.action_mask()

    def send(self, action: IntArray) -> None:
        """Start a step, as every vector of environments does; an action that is not legal is an EnvError too."""
        if self.spec.mask_size:
            self.expect_ready()
            self._mask_at_send = self._backend.action_mask()
            require_legal(check_action(action, self.spec), self._mask_at_send, self.spec.action_meanings)
        super().send(action)

    def advance(self, action: IntArray, outcome: Outcome) -> EnvStep:
        """Move on to the outcome of a step and return the row, with its mask where the world gives one."""
        row = super().advance(action, outcome)
        return with_mask(row, self._mask_at_send) if self.spec.mask_size else row

    def _begin(self, action: IntArray) -> None:
        self._backend.begin(action, [action_log.next_seed for action_log in self.action_logs])

    def _finish(self) -> Outcome:
        self._restart_limit.count_step()
        reward, terminated, truncated, first, faults = self._backend.finish()
        skipped = self._restart_failed(faults, 1)
        first[list(skipped)] = True
        return Outcome(self._backend.observation(), reward, terminated, truncated, first, skipped)

    def _restart(self, mask: BoolArray, seeds: Sequence[int]) -> UInt8Array:
        """Reset by seed; a reset that fails is first tried again with the same seed, since the caller chose it."""
        for index, skipped in self._restart_failed(self._backend.restart(mask, seeds), 0).items():
            if skipped:
                self.action_logs[index].restart(skipped - 1)
        return self._backend.observation()

    def _restart_failed(self, faults: Faults, resets: int) -> dict[int, int]:
        """Replace the environments that failed and begin games in them; the action logs stay as they are.

        Args:
            faults: the environments that failed, with their errors.
            resets: the first of the action log's seeds to try: 0 is the log's own seed, 1 the next one.

        Returns:
            The number of skipped seeds, for each environment that failed.

        Raises:
            EnvError: an environment failed too often.
        """
        skipped = dict.fromkeys(faults, 0)
        while faults:
            self._restart_limit.add(faults)
            mask = np.isin(np.arange(len(self.action_logs)), list(faults))
            seeds = [
                action_log.seed_after(resets + skipped.get(index, 0))
                for index, action_log in enumerate(self.action_logs)
            ]
            faults = self._backend.restart(mask, seeds)
            for index in faults:
                skipped[index] += 1
        return skipped

    def _reseed(self, due: BoolArray, observation: UInt8Array) -> UInt8Array:
        """Return the observations unchanged: the step has already reset these environments by their next seeds."""
        return observation

    def _replay(self, progress: Progress) -> UInt8Array:
        """Reset all and repeat their action logs, a chunk at a time; no action log reaches past the end of a game.

        An environment that fails on the way is not restored: the caller notices, and begins another game there.
        """
        self._restart_limit.add(
            self._backend.restart(np.ones(len(self.action_logs), dtype=np.bool_), self._action_log_seeds())
        )
        action_logs = [action_log.actions.tolist() for action_log in self.action_logs]
        longest = max(map(len, action_logs))
        for start in range(0, longest, CHUNK):
            self._restart_limit.add(
                self._backend.repeat([action_log[start : start + CHUNK] for action_log in action_logs])
            )
            progress(min(start + CHUNK, longest), longest)
        return self._backend.observation()

    def _release(self) -> None:
        self._backend.close()


class RestartLimit:
    """A counter of failures that warns of each in one line, and ends the run if an environment fails too often.

    ::

        failure   f         f f                f         limit 3, WINDOW_STEPS 1,000
        step      10        700 701            1,500     the first is forgotten: the run goes on

    Args:
        num_envs: N.
        limit: failures within `WINDOW_STEPS` steps after each of which the environment is replaced; the next is an
            error.
    """

    def __init__(self, num_envs: int, limit: int) -> None:
        self._limit = limit
        self._steps = 0
        self._failed_at: list[deque[int]] = [deque(maxlen=limit + 1) for _ in range(num_envs)]

    def count_step(self) -> None:
        """Count one step of all environments, failed or not."""
        self._steps += 1

    def add(self, faults: Faults) -> None:
        """Count the environments that failed in a step or a reset.

        Raises:
            EnvError: an environment failed too often; the message quotes its own error.
        """
        for index, fault in faults.items():
            failed_at = self._failed_at[index]
            failed_at.append(self._steps)
            if len(failed_at) > self._limit and self._steps - failed_at[0] < WINDOW_STEPS:
                raise self._last_error(fault)
        for message in dict.fromkeys(map(str, faults.values())):
            logging.getLogger("rlvision").warning("%s; it is replaced: its game is dropped, another begins", message)

    def _last_error(self, fault: EnvCrashError) -> EnvError:
        """Return the error that ends the run; its traceback includes the environment's own error."""
        often = f", {self._limit + 1} times within {WINDOW_STEPS:,} steps" if self._limit else ""
        error = EnvError(f"{fault}{often}: fix the environment, or raise env.max_restarts ({self._limit})")
        for note in getattr(fault, "__notes__", ()):
            error.add_note(note)
        return error


def check_writable(settings: EnvSettings, num_envs: int) -> None:
    """Refuse values that are out of range.

    Raises:
        ConfigError: a value is out of range.
    """
    require_sizes(settings)
    limits = settings.num_workers, settings.step_timeout, settings.max_restarts
    if num_envs < 1 or min(limits) < 0:
        raise ConfigError(
            "expected num_envs >= 1 and num_workers, step_timeout and max_restarts >= 0, "
            f"got {num_envs}, {limits[0]}, {limits[1]} and {limits[2]}: raise them"
        )
    if (frameskip := frames_per_decision(settings, is_atari=False)) < 1:
        raise ConfigError(f"expected frameskip of at least 1, got {frameskip}: raise it")


def probe(settings: EnvSettings, num_envs: int) -> tuple[EnvSpec, WorldView, float]:
    """Make one environment, begin a game, and return its shapes and names, what is seen of it, and its pace.

    Raises:
        EnvError: it cannot begin a game.
    """
    try:
        runner = EnvRunner(settings)
        try:
            shape, names, view = runner.observation_shape(), runner.view.action_names, runner.view
            frameskip, mask_size = frames_per_decision(settings, is_atari=False), 0
            if runner.action_mask is not None:
                mask_size, view = len(names), replace(view, lines=(*view.lines, MASK_LINE))
            spec = EnvSpec(num_envs, shape, frame_channels(settings), names, frameskip, mask_size)
            return spec, view, runner.decisions_per_second
        finally:
            runner.close()
    except EnvCrashError as fault:
        raise EnvError(f"{fault}: fix the environment, or its arguments in env.kwargs") from fault
