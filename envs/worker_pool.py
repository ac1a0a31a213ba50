"""Environments in worker processes, with shared memory for observations and pipes for all else.

::

    parent                              worker w
    pipe  ("step", action, seeds)  -->  steps its environments
    shared memory                  <--  observations [n_w, C, H, W]
    pipe  results                  <--  or an error

Workers are spawned, never forked: a fork of a process with threads deadlocks. They ignore Ctrl-C and SIGTERM, which
reach whole process groups, and exit when their pipe closes, whether the parent closed it or died. A worker in a step
that never ends also exits soon after its parent. The shared memory has no name, so nothing is left over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rlvision.core.errors import EnvCrashError, EnvError
from rlvision.envs.settings import EnvSettings
from rlvision.envs.worker import Worker

if TYPE_CHECKING:
    from rlvision.core.types import BoolArray, EnvSpec, IntArray, UInt8Array
    from rlvision.envs.env_group import EnvGroup, Faults
    from rlvision.envs.validation import Info


class EnvBackend(Protocol):
    """N environments, in this process or in others.

    A failure is returned, not raised, since the other environments have made their step. The next restart or step of
    an environment that failed replaces it first.
    """

    def observation(self) -> UInt8Array:
        """Return a copy of the observations [N, C, H, W]."""

    def action_mask(self) -> BoolArray:
        """Return a copy of the masks of these observations, [N, A]; [N, 0] in a world without masks."""

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [N] by their seeds [N]."""

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Start a step with the actions [N]; a game that is over is followed by a game of the next seed."""

    def finish(self) -> Sequence[Any]:
        """Return reward, terminated, truncated and first of the step, each [N], and the faults."""

    def repeat(self, action_logs: Sequence[Sequence[int]]) -> Faults:
        """Take the actions of N action logs, of any length."""

    def picture(self, index: int) -> UInt8Array:
        """Return the current screen [H, W, 3] of an environment; raise EnvCrashError if it cannot be drawn."""

    def infos(self) -> tuple[list[Info], Faults]:
        """Return the ``info`` of each environment's last reset or step, [N], and the faults; theirs are empty."""

    def close(self) -> None:
        """Release environments and processes."""


class WorkerPool:
    """All worker processes, as an `EnvBackend`.

    If a process dies, all of its environments fail; their next call starts another process.

    Args:
        settings: of the environments; ``num_workers`` processes share them, at most one per environment.
        group_class: makes and steps the environments of one process.
        spec: their shapes.
    """

    def __init__(self, settings: EnvSettings, group_class: type[EnvGroup], spec: EnvSpec) -> None:
        num_envs, size, mask_size = spec.num_envs, spec.observation_shape, spec.mask_size
        self._workers: dict[range, Worker] = {}
        try:
            for places in np.array_split(np.arange(num_envs), min(settings.num_workers, num_envs)):
                share = range(int(places[0]), int(places[-1]) + 1)
                self._workers[share] = Worker(settings, group_class, share, size, mask_size)
            for worker in self._workers.values():
                worker.handshake()
        except BaseException:
            self.close()
            raise

    def observation(self) -> UInt8Array:
        """Return a copy of the observations [N, C, H, W]."""
        return np.concatenate([worker.observation for worker in self._workers.values()])

    def action_mask(self) -> BoolArray:
        """Return a copy of the masks of these observations, [N, A]."""
        return np.concatenate([worker.action_mask for worker in self._workers.values()])

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [N] by their seeds [N].

        Other environments that fail with their worker are not among the faults: their next step begins a new game.
        """
        concerned = [share for share in self._workers if mask[slice_of(share)].any()]
        self._call(concerned, "restart", mask, seeds)
        faults = merge_faults(self._answers(concerned).values())
        return {index: fault for index, fault in faults.items() if mask[index]}

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Start a step."""
        self._call(self._workers, "step", action, next_seeds)

    def finish(self) -> tuple[Any, ...]:
        """Return reward, terminated, truncated and first of the step, each [N], and the faults."""
        answers = self._answers(self._workers)
        parts = [
            empty_results(share, answer) if isinstance(answer, dict) else answer for share, answer in answers.items()
        ]
        *columns, faults = zip(*parts, strict=True)
        return *(np.concatenate(column) for column in columns), merge_faults(faults)

    def repeat(self, action_logs: Sequence[Sequence[int]]) -> Faults:
        """Take the actions of N action logs, of any length."""
        self._call(self._workers, "repeat", action_logs)
        return merge_faults(self._answers(self._workers).values())

    def picture(self, index: int) -> UInt8Array:
        """Return the current screen [H, W, 3] of an environment.

        Raises:
            EnvCrashError: it cannot be drawn, or its process died or hung.
        """
        share, worker = next((share, worker) for share, worker in self._workers.items() if index in share)
        worker.call("picture", index - share.start)
        return np.asarray(worker.answer())

    def infos(self) -> tuple[list[Info], Faults]:
        """Return the plain values of each environment's ``info``, [N], and the faults of processes that died."""
        self._call(self._workers, "plain_infos")
        infos: list[Info] = []
        faults: Faults = {}
        for share, answer in self._answers(self._workers).items():
            failed = isinstance(answer, dict)
            infos += [{} for _ in share] if failed else answer
            faults |= answer if failed else {}
        return infos, faults

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.disconnect()
        while self._workers:
            self._workers.popitem()[1].close()

    def _call(self, shares: Iterable[range], method: str, *args: Any) -> None:
        """Call a method of some workers, each with its share of every argument [N]."""
        for share in shares:
            self._workers[share].call(method, *(arg[slice_of(share)] for arg in args))

    def _answers(self, shares: Iterable[range]) -> dict[range, Any]:
        """Return the answers; for a worker that died, the faults of all its environments.

        All answers are read before an error is raised, so that none is left in a pipe.

        Raises:
            EnvError: an environment broke Gymnasium's contract.
        """
        answers: dict[range, Any] = {}
        errors: list[EnvError] = []
        for share in shares:
            try:
                answers[share] = self._workers[share].answer()
            except EnvCrashError as fault:
                answers[share] = dict.fromkeys(share, fault)
            except EnvError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return answers


def slice_of(share: range) -> slice:
    """Return the slice of an array [N] that holds a share."""
    return slice(share.start, share.stop)


def merge_faults(parts: Iterable[Faults]) -> Faults:
    """Return the faults of all parts."""
    return {index: fault for faults in parts for index, fault in faults.items()}


def empty_results(share: range, faults: Faults) -> tuple[Any, ...]:
    """Return the results of a step whose process died: zeros, and the faults."""
    flags = np.zeros((3, len(share)), dtype=np.bool_)
    return np.zeros(len(share), dtype=np.float32), *flags, faults
