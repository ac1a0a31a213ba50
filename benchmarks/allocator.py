"""Cost of returning freed tensors to the kernel: updates of DN with glibc's defaults, and with freed memory kept.

    python benchmarks/allocator.py --rounds 3 --threads 2

Each round runs both in fresh processes, one after the other: 80 updates of batch 32 at 4x84x84, with an act after
every second update.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

WARM_UP, UPDATES = 10, 80


def measure(keep: bool, threads: int) -> None:
    import numpy as np
    import torch

    from rlvision.config.loading import load_config
    from rlvision.core.memory import keep_freed_memory
    from rlvision.core.types import EnvSpec, EnvStep
    from rlvision.runs import builders

    if keep:
        keep_freed_memory()
    torch.set_num_threads(threads)
    config = load_config("pong-dqn", {"replay.capacity": 10_000, "replay.learning_starts": 10_000})
    agent = builders.make_agent(config, EnvSpec(8, (4, 84, 84), 1, tuple("abcdef"), 4))
    random = np.random.default_rng(0)
    observation = random.integers(0, 255, (8, 4, 84, 84), dtype=np.uint8)
    nothing = np.zeros(8, np.bool_)
    for _ in range(200):
        action, reward = np.zeros(8, np.int64), np.zeros(8, np.float32)
        agent.memory.add(EnvStep(observation, action, reward, nothing, nothing, nothing))
    seconds, faults = [], 0
    for number in range(WARM_UP + UPDATES):
        faults_before, before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        agent.learner.update(agent.memory.sample())
        if number % 2:
            agent.policy.act(observation, nothing, 10**9)
        if number >= WARM_UP:
            seconds.append(time.perf_counter() - before)
            faults += resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults_before
    print(statistics.median(seconds) * 1e3, faults / UPDATES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", choices=["default", "kept"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure == "kept", arguments.threads)
        return
    print("| round | default, ms | faults | kept, ms | faults | ratio |\n|---|---|---|---|---|---|")
    for number in range(arguments.rounds):
        numbers = []
        for kind in ("default", "kept"):
            command = [sys.executable, __file__, "--measure", kind, "--threads", str(arguments.threads)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            numbers.append([float(number) for number in said.split()])
        (before, many), (after, few) = numbers
        print(
            f"| {number + 1} | {before:.1f} | {many:.0f} | {after:.1f} | {few:.0f} | {before / after:.2f} |", flush=True
        )


if __name__ == "__main__":
    main()
