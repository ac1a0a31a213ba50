"""Environments in worker processes: shared memory for the observations, a pipe for the few numbers beside them.

::

    parent                              worker w
    pipe  ("step", action, seeds)  -->  steps its environments
    shared memory                  <--  observations [n_w, C, H, W]
    pipe  results                  <--  or an error

Workers are spawned, never forked (a fork of a process with threads deadlocks). They ignore Ctrl-C and SIGTERM, which
reach whole process groups, and leave when their pipe closes: when the parent says so, or is gone. One in the middle of
a step that never ends leaves soon after its parent all the same. The shared memory has no name that could be left over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlvision.core.errors import EnvCrashError, EnvError
from rlvision.envs.env_group import Seat
from rlvision.envs.restart_limit import Faults
from rlvision.envs.worker import Worker

if TYPE_CHECKING:
    from rlvision.core.types import BoolArray, IntArray, UInt8Array


class Workers:
    """All worker processes, as one: `rlvision.envs.gymnasium_env.Slots`.

    With a process all of its environments fail; the next thing asked of them starts another.

    Args:
        seat: how to make an environment.
        num_workers: processes, at most one an environment; each has a run of neighbours.
        shape: [N, C, H, W].
        time_limit: seconds for one step or reset of one environment; 0, any.
    """

    def __init__(self, seat: Seat, num_workers: int, shape: tuple[int, int, int, int], time_limit: float) -> None:
        num_envs, *size = shape
        self._workers: dict[range, Worker] = {}
        try:
            for places in np.array_split(np.arange(num_envs), min(num_workers, num_envs)):
                share = range(int(places[0]), int(places[-1]) + 1)
                self._workers[share] = Worker(seat, share, (size[0], size[1], size[2]), time_limit)
            for worker in self._workers.values():
                worker.greet()
        except BaseException:
            self.close()
            raise

    def observation(self) -> UInt8Array:
        """A copy of the observations [N, C, H, W]."""
        return np.concatenate([worker.observation for worker in self._workers.values()])

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> Faults:
        """Reset the masked environments [N] by their seeds [N].

        Others that go down with a worker meanwhile are not among the faults: their next step begins a new game.
        """
        concerned = [share for share in self._workers if mask[span(share)].any()]
        self._call(concerned, "restart", mask, seeds)
        faults = gathered(self._answers(concerned).values())
        return {index: fault for index, fault in faults.items() if mask[index]}

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Start a step."""
        self._call(self._workers, "step", action, next_seeds)

    def finish(self) -> tuple[Any, ...]:
        """Reward, terminated, truncated and first of the step, each [N], and the faults."""
        answers = self._answers(self._workers)
        parts = [stillness(share, answer) if isinstance(answer, dict) else answer for share, answer in answers.items()]
        *columns, faults = zip(*parts, strict=True)
        return *(np.concatenate(column) for column in columns), gathered(faults)

    def repeat(self, tapes: Sequence[Sequence[int]]) -> Faults:
        """Go on with N tapes of actions, of any length."""
        self._call(self._workers, "repeat", tapes)
        return gathered(self._answers(self._workers).values())

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.hang_up()
        while self._workers:
            self._workers.popitem()[1].close()

    def _call(self, shares: Iterable[range], method: str, *args: Any) -> None:
        """Ask some workers, each with its share of every argument [N]."""
        for share in shares:
            self._workers[share].call(method, *(arg[span(share)] for arg in args))

    def _answers(self, shares: Iterable[range]) -> dict[range, Any]:
        """What they answer, or the faults of all of a worker's environments where it is gone.

        All are heard before one's error is raised, so that no answer is left behind.

        Raises:
            EnvError: an environment broke its contract.
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


def span(share: range) -> slice:
    """The places of a share, to take them out of something [N]."""
    return slice(share.start, share.stop)


def gathered(parts: Iterable[Faults]) -> Faults:
    """The faults of all."""
    return {index: fault for faults in parts for index, fault in faults.items()}


def stillness(share: range, faults: Faults) -> tuple[Any, ...]:
    """What a step brought where the whole process is gone: nothing."""
    flags = np.zeros((3, len(share)), dtype=np.bool_)
    return np.zeros(len(share), dtype=np.float32), *flags, faults
