import mmap
import sys
from types import SimpleNamespace

import numpy as np
import torch

from rlvision.core.memory import resident_bytes, usage


def test_memory_in_use_grows_by_what_is_written_to():
    with mmap.mmap(-1, 100_000_000) as block:  # an array might be put where freed ones were, which are resident already
        before = resident_bytes()
        np.frombuffer(block, np.uint8)[:] = 1
        assert 95_000_000 < resident_bytes() - before < 130_000_000


def test_a_processor_has_no_row_of_a_gpu(monkeypatch):
    assert usage(torch.device("cpu")).keys() == {"system/memory_gb"}


def test_a_gpu_is_asked_how_full_it_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 10**9, 12 * 10**9))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2 * 10**9)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 5 * 10**9)
    monkeypatch.setattr("rlvision.core.memory.find_spec", lambda name: None)
    row = usage(torch.device("cuda", 0))
    del row["system/memory_gb"]
    assert row == {"system/gpu_memory_gb": 2.0, "system/gpu_memory_peak_gb": 5.0, "system/gpu_memory_fraction": 0.75}
    monkeypatch.setattr("rlvision.core.memory.find_spec", lambda name: "here")
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(NVMLError=OverflowError))
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 37)
    assert usage(torch.device("cuda", 0))["system/gpu_utilization"] == 0.37

    def cannot_say(device):
        raise OverflowError("a part of a GPU")

    monkeypatch.setattr(torch.cuda, "utilization", cannot_say)
    assert "system/gpu_utilization" not in usage(torch.device("cuda", 0))
