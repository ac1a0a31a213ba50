"""How a contender of `throughput.py` is told to do its work, slice by slice.

A contender is a process that talks JSON, an object a line. It is sent a `Work`, prepares until the
next env step is an ordinary one, and introduces itself. From then on it is sent numbers of env
steps, trains for as many and answers how long that took. It ends when its input does.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

import torch
from contenders.work import Work


class Loop(Protocol):
    """One library's training loop, ready to go on."""

    version: str

    @property
    def parameters(self) -> int:
        """Of the online network."""

    @property
    def updates(self) -> int:
        """Made so far."""

    def train(self, env_steps: int) -> None:
        """Go on for so many env steps, a multiple of the number of environments."""

    def close(self) -> None:
        """Release the environments."""


def serve(make_loop: Callable[[Work], Loop]) -> None:
    """Be a contender: talk as the module says until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    work = Work(**json.loads(sys.stdin.readline()))
    if work.threads is not None:
        torch.set_num_threads(work.threads)
    loop = make_loop(work)
    print(json.dumps(introduction(loop)), file=answers)
    for line in sys.stdin:
        print(json.dumps(timed_slice(loop, int(line))), file=answers)
    loop.close()


def introduction(loop: Loop) -> dict[str, str | int]:
    """Who works, with what."""
    return {
        "version": loop.version,
        "parameters": loop.parameters,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def timed_slice(loop: Loop, env_steps: int) -> dict[str, float]:
    """Train for a slice; how much was done, in how many seconds of the clock and of all processors together."""
    updates, began, began_cpu = loop.updates, time.perf_counter(), time.process_time()
    loop.train(env_steps)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    return {
        "env_steps": env_steps,
        "updates": loop.updates - updates,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
