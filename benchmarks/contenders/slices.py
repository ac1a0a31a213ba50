"""The protocol between `throughput.py` and a contender, which trains slice by slice.

A contender is a process that reads and writes JSON, one object per line. It reads a `Work`, warms up, and
answers with its versions. Then it reads numbers of env steps; for each it trains that many and answers
with the time they took. It ends when its input ends.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import torch
from contenders.work import Work


class Loop(Protocol):
    """One library's training loop, warmed up."""

    version: str

    @property
    def parameters(self) -> int:
        """Number of parameters of the online network."""

    @property
    def updates(self) -> int:
        """Number of updates so far."""

    def train(self, env_steps: int) -> None:
        """Train for a number of env steps, a multiple of the number of environments."""

    def close(self) -> None:
        """Release the environments."""


def serve(make_loop: Callable[[Work], Loop]) -> None:
    """Run a contender by the protocol of this module until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # keeps the libraries' own output out of the answers
    for reply in replies(make_loop, sys.stdin):
        print(reply, file=answers)


def replies(make_loop: Callable[[Work], Loop], questions: Iterable[str]) -> Iterator[str]:
    """Yield the answer to each line of a contender's input."""
    questions = iter(questions)
    work = Work(**json.loads(next(questions)))
    if work.threads is not None:
        torch.set_num_threads(work.threads)
    loop = make_loop(work)
    yield json.dumps(introduction(loop))
    for line in questions:
        yield json.dumps(timed_slice(loop, int(line)))
    loop.close()


def introduction(loop: Loop) -> dict[str, str | int]:
    """Return versions, number of parameters and threads."""
    return {
        "version": loop.version,
        "parameters": loop.parameters,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def timed_slice(loop: Loop, env_steps: int) -> dict[str, float]:
    """Train for a slice; return the work done, and its seconds by the clock and of all processors together."""
    updates, began, began_cpu = loop.updates, time.perf_counter(), time.process_time()
    loop.train(env_steps)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    return {
        "env_steps": env_steps,
        "updates": loop.updates - updates,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
