"""The allocator keeps what it is told to keep: seen by the page faults of a process that frees and allocates."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from rlvision.allocator import keep_freed_memory
import torch

torch.set_num_threads(1)
assert keep_freed_memory()

def step():
    return [torch.ones(1_000_000) for _ in range(20)]  # 4 MB each, 19,531 pages together, freed at once

for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


def faults():
    command = [sys.executable, "-c", SCRIPT]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own trouble")
def test_freed_tensors_are_not_faulted_in_again():
    assert faults() < 195  # of 19,531; by default it is all of them, in most processes
