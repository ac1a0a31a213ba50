"""One worker process, seen from both of its sides: asked from without, serving within."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import numpy as np

from rlvision.core.errors import EnvCrashError, EnvError, RLVisionError
from rlvision.envs.env_group import Seat, SlotGroup

if TYPE_CHECKING:
    from rlvision.core.types import UInt8Array

GRACE = 5.0
"""Seconds that a worker gets to close its environments before it is killed."""
START = 120.0
"""Seconds without a word that a worker gets to start in, however short the time limit of a step."""
SLICES = 10
"""Parts of a time limit; time during which this whole program is stopped (Ctrl-Z) costs one of them at most."""
IDLE = -1
"""In place of the environment that a worker is busy with."""


class Board:
    """What a worker shows without a word: its observations, and which environment it is busy with.

    Args:
        shape: [n, C, H, W] of the observations.
    """

    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        context = multiprocessing.get_context("spawn")
        self._shape = shape
        self._pixels = context.RawArray("B", int(np.prod(shape)))
        self._busy = context.RawArray("q", [0, IDLE])  # things done so far; the environment of the next

    @property
    def observation(self) -> UInt8Array:
        """The observations [n, C, H, W] themselves, which the next step overwrites."""
        return np.frombuffer(self._pixels, dtype=np.uint8).reshape(self._shape)

    @property
    def progress(self) -> int:
        """Things done so far."""
        return int(self._busy[0])

    @property
    def environment(self) -> int:
        """The environment that the worker is busy with, or `IDLE`."""
        return int(self._busy[1])

    def note(self, index: int) -> None:
        """The worker turns to an environment, or is `IDLE`."""
        self._busy[1] = index
        self._busy[0] += 1


class Worker:
    """One process with a share of the environments. One that is dead or stuck is replaced when next asked.

    Args:
        seat: how to make an environment.
        share: the places of its environments among all.
        size: [C, H, W] of an observation.
        time_limit: seconds for one step or reset of one environment; 0, any.
    """

    def __init__(self, seat: Seat, share: range, size: tuple[int, int, int], time_limit: float) -> None:
        self._seat, self._share, self._time_limit = seat, share, time_limit
        self._board = Board((len(share), *size))
        self._process: SpawnProcess | None = None
        self._greeted = False
        self._start()

    @property
    def observation(self) -> UInt8Array:
        """Its observations [n, C, H, W], which the next step overwrites."""
        return self._board.observation

    def call(self, method: str, *args: Any) -> None:
        """Ask for a method of its `SlotGroup`; `answer` has what it returns."""
        if self._process is None:
            self._start()
        with suppress(BrokenPipeError, ConnectionResetError):  # `answer` finds it dead
            self._pipe.send((method, *args))

    def greet(self) -> None:
        """Wait until its environments are made.

        Raises:
            EnvError: they cannot be made.
        """
        if not self._greeted:
            try:
                self._hear(max(START, self._time_limit) if self._time_limit else 0.0)
            except EnvError:
                self._bury()
                raise
            self._greeted = True

    def answer(self) -> Any:
        """Wait for what was asked for.

        Raises:
            EnvCrashError: the process died, or was stuck and is dead now.
            EnvError: an environment broke its contract.
        """
        self.greet()
        return self._hear(self._time_limit)

    def hang_up(self) -> None:
        """Tell the process to leave; may be called twice."""
        self._hang_up()

    def close(self) -> None:
        """Let the process go; it is gone when this returns."""
        self.hang_up()
        if self._process is not None:
            self._process.join(GRACE)
            self._bury()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        args = (theirs, self._seat, self._share.start, self._board)
        self._process = context.Process(target=serve, args=args, daemon=True)
        self._process.start()
        theirs.close()
        self._hang_up = Finalize(self, self._pipe.close, exitpriority=10)  # at exit too: a worker ignores SIGTERM
        self._greeted = False

    def _hear(self, time_limit: float) -> Any:
        """The next thing it says, within the time limit after the last sign of progress."""
        ready = self._listen(time_limit)
        if not ready:
            remedy = f"raise env.step_timeout ({self._time_limit:g} s) if it is only slow"
            raise self._fault(f"no end of a step or reset after {time_limit:g} s ({remedy})")
        try:
            said = self._pipe.recv() if self._pipe in ready else None
        except (EOFError, OSError):
            ready = []
        if self._pipe not in ready:
            raise self._fault(f"the death of its process ({self._cause_of_death()})")
        if isinstance(said, RLVisionError):
            raise said
        return said

    def _listen(self, time_limit: float) -> list[Any]:
        """What is to be heard of it, a word or its death; nothing once the time limit has passed without progress."""
        patience, seen = SLICES, self._board.progress
        while patience:
            ready = wait([self._pipe, self._living.sentinel], time_limit / SLICES or None)
            if ready:
                return ready
            patience = patience - 1 if self._board.progress == seen else SLICES
            seen = self._board.progress
        return []

    def _fault(self, what: str) -> EnvCrashError:
        """What befell it, after which it is gone."""
        self._bury()
        index = self._board.environment
        name = self._seat.world.name
        others = f"; {places(self._share)} shared its process" if len(self._share) > 1 else ""
        who = f"{places(self._share)} of {name}" if index == IDLE else f"environment {index} of {name}"
        return EnvCrashError(f"expected {who} to work, got {what}{others if index != IDLE else ''}")

    def _cause_of_death(self) -> str:
        self._living.join(GRACE)
        code = self._living.exitcode
        if code is None:
            return "it no longer answers"
        if code == -signal.SIGKILL:
            return "SIGKILL, by hand or for want of memory"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}; its own words, if any, are above"

    def _bury(self) -> None:
        """See to it that the process is gone."""
        self.hang_up()
        self._living.kill()
        self._living.join(GRACE)
        if self._living.exitcode is not None:
            self._living.close()
        self._process = None

    @property
    def _living(self) -> SpawnProcess:
        if self._process is None:
            raise EnvError("expected a worker process, got none: ask for something first")
        return self._process


def places(share: range) -> str:
    """``environment 3`` or ``environments 4 to 7``."""
    return f"environments {share[0]} to {share[-1]}" if len(share) > 1 else f"environment {share[0]}"


def serve(pipe: Connection, seat: Seat, start: int, board: Board) -> None:
    """The life of a worker: make the environments, then do what the pipe asks until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=outlive_parent_briefly, daemon=True).start()
    group: SlotGroup | None = None
    try:
        group = SlotGroup(seat, board.observation, start, board.note)
        pipe.send(None)
        while True:
            board.note(IDLE)
            method, *args = pipe.recv()
            pipe.send(attempt(group, method, args))
    except RLVisionError as error:
        pipe.send(with_traceback(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent has closed the pipe
    finally:
        if group is not None:
            group.close()


def attempt(group: SlotGroup, method: str, args: list[Any]) -> Any:
    """The result, or the error."""
    try:
        return getattr(group, method)(*args)
    except RLVisionError as error:
        return with_traceback(error)


def with_traceback(error: RLVisionError) -> RLVisionError:
    """The error with its traceback as a note: a pipe carries nothing else of it."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    return error


def outlive_parent_briefly() -> None:
    """End this process soon after its parent, though it be in the middle of a step that never ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        time.sleep(GRACE)
        os._exit(1)
