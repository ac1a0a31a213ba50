"""What this process uses of the machine."""

import resource
import sys
from importlib.util import find_spec
from pathlib import Path

import torch


def usage(device: torch.device) -> dict[str, float]:
    """A row for the tracker; the GPU's part only where ``device`` is one of CUDA's."""
    return {"system/memory_gb": resident_bytes() / 1e9, **(_cuda_usage(device) if device.type == "cuda" else {})}


def resident_bytes() -> int:
    """Memory of this process that is in RAM; where /proc is missing, the most there ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _cuda_usage(device: torch.device) -> dict[str, float]:
    free, total = torch.cuda.mem_get_info(device)
    metrics = {
        "system/gpu_memory_gb": torch.cuda.memory_allocated(device) / 1e9,
        "system/gpu_memory_peak_gb": torch.cuda.max_memory_allocated(device) / 1e9,
        "system/gpu_used": 1 - free / total,
    }
    return {**metrics, **_cuda_load(device)}


def _cuda_load(device: torch.device) -> dict[str, float]:
    """The share of time in which the GPU computed; nothing where its driver cannot say, as for a part of a GPU."""
    if find_spec("pynvml") is None:
        return {}
    import pynvml

    try:
        return {"system/gpu_busy": torch.cuda.utilization(device) / 100}
    except pynvml.NVMLError:
        return {}
