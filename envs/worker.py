"""One worker process: the handle in the parent, and the loop in the child.

::

    parent: Worker                          child: serve
    call("step", ...)   -- pipe -->         EnvGroup.step(...)
    answer()            <-- pipe --         the result, or an error
    observation         <-- SharedState --  observations, and the environment at work
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from rlvision.core.child_path import forget_safe_path, safe_path
from rlvision.core.errors import EnvCrashError, EnvError, RLVisionError
from rlvision.envs.packed_settings import Packed, packed_settings, unpacked_settings
from rlvision.envs.settings import EnvSettings
from rlvision.envs.shared_state import IDLE, SharedState

if TYPE_CHECKING:
    from rlvision.core.types import BoolArray, UInt8Array
    from rlvision.envs.env_group import EnvGroup

GRACE_SECONDS = 5.0
"""Seconds that a worker has to close its environments before it is killed."""
START_SECONDS = 120.0
"""Least number of seconds that a worker has to start, even if the time limit of a step is shorter."""
TIMEOUT_SLICES = 10
"""Parts of a time limit; a stop of the whole program (Ctrl-Z) uses up at most one part, however long it lasts."""
NO_MAIN_GUARD = 78
"""Exit status of a worker that would train while it imports the program (EX_CONFIG)."""


class Worker:
    """One process with a share of the environments. A process that died or hung is replaced at the next call.

    Args:
        settings: of its environments.
        group_class: makes and steps them in the process; an argument, not an import, so that the process loads little.
        share: the indices of its environments among all.
        size: [C, H, W] of an observation.
        mask_size: A in a world with action masks, else 0.
    """

    def __init__(
        self,
        settings: EnvSettings,
        group_class: type[EnvGroup],
        share: range,
        size: tuple[int, int, int],
        mask_size: int,
    ) -> None:
        self._settings, self._group_class, self._share = settings, group_class, share
        self._time_limit = settings.step_timeout
        self._state = SharedState((len(share), *size), mask_size)
        self._process: SpawnProcess | None = None
        self._is_ready = False
        self._exit_code: int | None = None  # of the process that died last
        self._start()

    @property
    def observation(self) -> UInt8Array:
        """Its observations [n, C, H, W]; the next step overwrites them."""
        return self._state.observation

    @property
    def action_mask(self) -> BoolArray:
        """The masks of these observations, [n, A]."""
        return self._state.action_mask

    def call(self, method: str, *args: Any) -> None:
        """Call a method of its `EnvGroup`; `answer` returns the result."""
        if self._process is None:
            self._start()
        with suppress(BrokenPipeError, ConnectionResetError):  # `answer` finds it dead
            self._pipe.send((method, *args))

    def handshake(self) -> None:
        """Wait until the process has made its environments.

        Raises:
            EnvError: they cannot be made.
        """
        if not self._is_ready:
            try:
                self._recv(max(START_SECONDS, self._time_limit) if self._time_limit else 0.0)
            except EnvCrashError as fault:
                self._reap()
                raise self._stillborn(fault) from None
            except RLVisionError:
                self._reap()
                raise
            self._is_ready = True

    def answer(self) -> Any:
        """Wait for the result of `call`.

        Raises:
            EnvCrashError: the process died, or hung and was killed.
            EnvError: an environment broke Gymnasium's contract.
        """
        self.handshake()
        return self._recv(self._time_limit)

    def disconnect(self) -> None:
        """Close the pipe, which makes the process exit; may be called twice."""
        self._close_pipe()

    def close(self) -> None:
        """End the process, and wait until it is gone."""
        self.disconnect()
        if self._process is not None:
            self._process.join(GRACE_SECONDS)
            self._reap()

    def _start(self) -> None:
        exit_while_imported()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        args = (theirs, packed_settings(self._settings), self._group_class, self._share.start, self._state)
        self._process = context.Process(target=serve, args=args, daemon=True)
        with safe_path():
            self._process.start()
        theirs.close()
        self._close_pipe = Finalize(self, self._pipe.close, exitpriority=10)  # at exit too: a worker ignores SIGTERM
        self._is_ready = False

    def _recv(self, time_limit: float) -> Any:
        """Return the worker's next message, due within the time limit after its last progress."""
        ready = self._wait(time_limit)
        if not ready:
            remedy = f"raise env.step_timeout ({self._time_limit:g} s) if it is only slow"
            raise self._fault(f"no end of a step or reset after {time_limit:g} s ({remedy})")
        try:
            message = self._pipe.recv() if self._pipe in ready else None
        except (EOFError, OSError):
            ready = []
        if self._pipe not in ready:
            raise self._fault(f"the death of its process ({self._cause_of_death()})")
        if isinstance(message, RLVisionError):
            raise message
        return message

    def _wait(self, time_limit: float) -> list[Any]:
        """Wait for a message or the process's death; return an empty list after the time limit without progress."""
        patience, seen = TIMEOUT_SLICES, self._state.progress
        while patience:
            ready = wait([self._pipe, self._living.sentinel], time_limit / TIMEOUT_SLICES or None)
            if ready:
                return ready
            patience = patience - 1 if self._state.progress == seen else TIMEOUT_SLICES
            seen = self._state.progress
        return []

    def _fault(self, what: str) -> EnvCrashError:
        """End the process, and return an error with the reason."""
        self._reap()
        index = self._state.environment
        name = self._settings.game
        others = f"; {places(self._share)} shared its process" if len(self._share) > 1 else ""
        who = f"{places(self._share)} of {name}" if index == IDLE else f"environment {index} of {name}"
        return EnvCrashError(f"expected {who} to work, got {what}{others if index != IDLE else ''}")

    def _stillborn(self, fault: EnvCrashError) -> EnvError:
        """Return the error of a process that died before its environments were made."""
        if self._exit_code == NO_MAIN_GUARD:
            return EnvError(
                "expected a program that a worker process can import, got one that trains while it is imported: put "
                "what it runs under if __name__ == '__main__':, or set env.num_workers=0"
            )
        before = self._state.progress == 0
        hint = (
            "; if the program itself failed there, put what it runs under if __name__ == '__main__':" if before else ""
        )
        return EnvCrashError(f"{fault} while it was made: try env.num_workers=0, or fix what ends the process{hint}")

    def _cause_of_death(self) -> str:
        self._living.join(GRACE_SECONDS)
        code = self._exit_code = self._living.exitcode
        if code is None:
            return "it no longer answers"
        if code == -signal.SIGKILL:
            return "SIGKILL, by hand or for want of memory"
        return f"{signal.Signals(-code).name if code < 0 else f'exit code {code}'}; its own words, if any, are above"

    def _reap(self) -> None:
        """Kill the process if it still runs, and release it; may be called twice."""
        self.disconnect()
        if self._process is None:
            return
        self._living.kill()
        self._living.join(GRACE_SECONDS)
        if self._living.exitcode is not None:
            self._living.close()
        self._process = None

    @property
    def _living(self) -> SpawnProcess:
        if self._process is None:
            raise EnvError("expected a worker process, got none: call a method first")
        return self._process


def places(share: range) -> str:
    """Name the environments of a share: ``environment 3`` or ``environments 4 to 7``."""
    return f"environments {share[0]} to {share[-1]}" if len(share) > 1 else f"environment {share[0]}"


def serve(pipe: Connection, packed: Packed, group_class: type[EnvGroup], start: int, state: SharedState) -> None:
    """Run a worker process: make the environments, then answer the calls of the pipe until it closes."""
    settings = unpacked_settings(packed)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    forget_safe_path()
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)  # a world that crashes the interpreter leaves the line where it did
    threading.Thread(target=outlive_parent_briefly, daemon=True).start()
    group: EnvGroup | None = None
    try:
        group = group_class(settings, state.observation, state.action_mask, start, state.take_turn)
        pipe.send(None)
        while True:
            state.take_turn(IDLE)
            method, *args = pipe.recv()
            pipe.send(attempt(group, method, args))
    except RLVisionError as error:
        pipe.send(with_traceback(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent closed the pipe
    finally:
        if group is not None:
            group.close()


def exit_while_imported() -> None:
    """End a worker whose program trains while the worker imports it: its parent then names the missing main guard."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(NO_MAIN_GUARD)


def attempt(group: EnvGroup, method: str, args: list[Any]) -> Any:
    """Return the method's result, or its error."""
    try:
        return getattr(group, method)(*args)
    except RLVisionError as error:
        return with_traceback(error)


def with_traceback(error: RLVisionError) -> RLVisionError:
    """Return the error with its traceback as a note, since a pipe loses the traceback itself."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    return error


def outlive_parent_briefly() -> None:
    """End this process soon after its parent, even during a step that never ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        time.sleep(GRACE_SECONDS)
        os._exit(1)
