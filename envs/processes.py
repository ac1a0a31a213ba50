"""Environments in worker processes: shared memory for the observations, a pipe for the few numbers beside them.

::

    parent                              worker w
    pipe  ("step", action, seeds)  -->  steps its environments
    shared memory                  <--  observations [n_w, C, H, W]
    pipe  (True, results)          <--  or (False, error text)

Workers are spawned, never forked (a fork of a process with threads deadlocks). They ignore Ctrl-C and SIGTERM, which
reach whole process groups, and leave when their pipe closes: when the parent says so, or is gone.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import numpy as np

from rlvision.envs.slot import Seat, SlotGroup
from rlvision.errors import EnvError, RLVisionError

if TYPE_CHECKING:
    from rlvision.types import BoolArray, IntArray, UInt8Array  # would bring torch into every worker

GRACE = 5.0
"""Seconds that a worker gets to close its environments before it is killed."""


class Worker:
    """One process with a share of the environments.

    Args:
        seat: how to make an environment.
        shape: [n, C, H, W] of its observations.
    """

    def __init__(self, seat: Seat, shape: tuple[int, int, int, int]) -> None:
        context = multiprocessing.get_context("spawn")
        memory = context.RawArray("B", int(np.prod(shape)))
        self._observation = as_array(memory, shape)
        self._pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=serve, args=(theirs, seat, memory, shape), daemon=True)
        self._process.start()
        theirs.close()
        self._hang_up = Finalize(self, self._pipe.close, exitpriority=10)  # at exit too: a worker ignores SIGTERM

    @property
    def observation(self) -> UInt8Array:
        """Its observations [n, C, H, W], which the next step overwrites."""
        return self._observation

    def call(self, method: str, *args: Any) -> None:
        """Ask for a method of its `SlotGroup`; `answer` has what it returns."""
        try:
            self._pipe.send((method, *args))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._death() from error

    def answer(self) -> Any:
        """Wait for what was asked for.

        Raises:
            EnvError: if an environment failed, or the process died.
        """
        if self._pipe not in wait([self._pipe, self._process.sentinel]):
            raise self._death()
        try:
            succeeded, result = self._pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._death() from error
        if not succeeded:
            raise EnvError(result)
        return result

    def hang_up(self) -> None:
        """Tell the process to leave; may be called twice."""
        self._hang_up()

    def close(self) -> None:
        """Let the process go; it is gone when this returns."""
        self.hang_up()
        self._process.join(GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()

    def _death(self) -> EnvError:
        self._process.join(GRACE)
        return EnvError(
            f"expected an environment worker to answer, got its death (exit code {self._process.exitcode}): look for "
            "its own words above, or use num_workers=0 to see where it fails"
        )


class Workers:
    """All worker processes, as one: `rlvision.envs.rendered.Slots`.

    Args:
        seat: how to make an environment.
        num_workers: processes, at most one an environment; each has a run of neighbours.
        shape: [N, C, H, W].
    """

    def __init__(self, seat: Seat, num_workers: int, shape: tuple[int, int, int, int]) -> None:
        shares = np.array_split(np.arange(shape[0]), min(num_workers, shape[0]))
        self._shares = [slice(int(share[0]), int(share[-1]) + 1) for share in shares]
        self._workers: list[Worker] = []
        try:
            for share in shares:
                self._workers.append(Worker(seat, (len(share), *shape[1:])))
            self._answers()
        except BaseException:
            self.close()
            raise

    def observation(self) -> UInt8Array:
        """A copy of the observations [N, C, H, W]."""
        return np.concatenate([worker.observation for worker in self._workers])

    def restart(self, mask: BoolArray, seeds: Sequence[int]) -> None:
        """Reset the masked environments [N] by their seeds [N]."""
        self._call_all("restart", mask, seeds)
        self._answers()

    def begin(self, action: IntArray, next_seeds: Sequence[int]) -> None:
        """Start a step."""
        self._call_all("step", action, next_seeds)

    def finish(self) -> Any:
        """Reward, terminated, truncated and first of the step, each [N]."""
        return [np.concatenate(parts) for parts in zip(*self._answers(), strict=True)]

    def repeat(self, tapes: Sequence[Sequence[int]]) -> None:
        """Go on with N tapes of actions, of any length."""
        self._call_all("repeat", tapes)
        self._answers()

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.hang_up()
        while self._workers:
            self._workers.pop().close()

    def _call_all(self, method: str, *args: Any) -> None:
        """Ask every worker, with its share of every argument [N]."""
        for worker, share in zip(self._workers, self._shares, strict=True):
            worker.call(method, *(arg[share] for arg in args))

    def _answers(self) -> list[Any]:
        """What every worker answers; all are heard before one's error is raised, so that none is left behind."""
        answers: list[Any] = []
        errors: list[EnvError] = []
        for worker in self._workers:
            try:
                answers.append(worker.answer())
            except EnvError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return answers


def serve(pipe: Connection, seat: Seat, memory: Any, shape: tuple[int, int, int, int]) -> None:
    """The life of a worker: make the environments, then do what the pipe asks until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    group: SlotGroup | None = None
    try:
        group = SlotGroup(seat, as_array(memory, shape))
        pipe.send((True, None))
        while True:
            method, *args = pipe.recv()
            pipe.send(attempt(group, method, args))
    except RLVisionError as error:
        pipe.send((False, str(error)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent has closed the pipe
    finally:
        if group is not None:
            group.close()


def attempt(group: SlotGroup, method: str, args: list[Any]) -> tuple[bool, Any]:
    """(True, result), or (False, the text of the error)."""
    try:
        return True, getattr(group, method)(*args)
    except RLVisionError as error:
        return False, str(error)


def as_array(memory: Any, shape: tuple[int, int, int, int]) -> UInt8Array:
    """Shared memory as an array."""
    return np.frombuffer(memory, dtype=np.uint8).reshape(shape)
