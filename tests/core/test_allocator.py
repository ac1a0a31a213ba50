"""The allocator keeps what it is told to keep, and gives back what it is told to give: seen from outside."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from rlvision.core.memory import keep_freed_memory
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


RETURN = """
from rlvision.core.memory import keep_freed_memory, return_freed_memory
from rlvision.core.memory import resident_bytes

keep_freed_memory()
before = resident_bytes()
parts = [bytearray(100_000) for _ in range(1_000)]
for part in parts:
    part[::1000] = b"x" * 100
held = [bytearray(1_000) for _ in range(1_000)]  # lie above, so that the heap's end stays where it is
del parts, part
kept = resident_bytes() - before
assert return_freed_memory()
print(kept / 1e6, (resident_bytes() - before) / 1e6)
"""


def said_by(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def faults():
    return float(said_by(SCRIPT))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own trouble")
def test_freed_tensors_are_not_faulted_in_again():
    assert faults() < 195  # of 19,531; by default it is all of them, in most processes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own trouble")
def test_freed_memory_is_given_back_when_asked_for_even_from_below():
    kept, left = map(float, said_by(RETURN).split())
    assert kept > 90  # MB
    assert left < 10
