"""A profile of rlvision's loop: the time spent in each of its parts."""

import time
from collections import Counter, defaultdict
from typing import Any

import torch
from contenders.rlvision_dqn import Norm, RLVisionLoop
from contenders.slices import timed_slice
from contenders.work import Work

STEP = "a step of the loop"


class Stopwatch:
    """A sum of the seconds spent in methods of objects."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()

    def watch(self, name: str, owner: Any, method: str) -> None:
        """Time every call of ``owner.method`` from now on."""
        original = getattr(owner, method)

        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            result = original(*arguments)
            self.seconds[name] += time.perf_counter() - began
            self.calls[name] += 1
            return result

        setattr(owner, method, timed)

    def shares(self, seconds: float) -> dict[str, float]:
        """Return the share of ``seconds`` that each name took, and that of all else."""
        shares = {name: spent / seconds for name, spent in self.seconds.items()}
        return {**shares, "all else": 1 - sum(shares.values())}


def watched(loop: RLVisionLoop) -> Stopwatch:
    """Return a stopwatch on the parts of a loop, and on its whole steps."""
    stopwatch = Stopwatch()
    stopwatch.watch("act", loop.agent.policy, "act")
    stopwatch.watch("send actions", loop.env, "send")
    stopwatch.watch("wait for environments", loop.env, "recv")
    stopwatch.watch("store", loop.agent.memory, "add")
    stopwatch.watch("sample", loop.agent.memory, "sample")
    stopwatch.watch("update", loop.agent.learner, "update")
    stopwatch.watch(STEP, loop.trainer, "step")
    return stopwatch


def profile_rlvision(work: Work, *, double: bool, norm: Norm, env_steps: int) -> None:
    """Print the share of each part in a slice of training."""
    if work.threads is not None:
        torch.set_num_threads(work.threads)
    loop = RLVisionLoop(work, double=double, norm=norm)
    stopwatch = watched(loop)
    timing = timed_slice(loop, env_steps)
    loop.close()
    show(stopwatch, timing)


def show(stopwatch: Stopwatch, timing: dict[str, float]) -> None:
    del stopwatch.seconds[STEP]
    total = timing["seconds"]
    print(f"{timing['env_steps'] / total:.1f} env steps/s, {timing['updates'] / total:.1f} updates/s\n")
    print(f"{'part':24}{'share':>8}{'calls':>8}{'ms a call':>12}")
    for name, share in stopwatch.shares(total).items():
        calls = stopwatch.calls[name]
        each = f"{calls:8}{1e3 * share * total / calls:12.3f}" if calls else ""
        print(f"{name:24}{share:8.1%}{each}")
