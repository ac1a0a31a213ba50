"""Memory of the machine: what this process holds, what is free, and errors that say which setting to change."""

import ctypes
import os
import re
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from rlvision.core.errors import MemoryBudgetError


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
        "system/gpu_memory_fraction": 1 - free / total,
    }
    return {**metrics, **_cuda_load(device)}


def _cuda_load(device: torch.device) -> dict[str, float]:
    """The share of time in which the GPU computed; nothing where its driver cannot say, as for a part of a GPU."""
    if find_spec("pynvml") is None:
        return {}
    import pynvml

    try:
        return {"system/gpu_utilization": torch.cuda.utilization(device) / 100}
    except pynvml.NVMLError:
        return {}


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEEP_BYTES = 1 << 30
_MMAP_FROM_BYTES = 32 << 20  # the largest that glibc takes


def keep_freed_memory() -> bool:
    """Let this process keep up to 1 GiB of freed memory instead of handing it to the kernel and back at every step.

    By default glibc returns large tensors to the kernel when they are freed, and every page is faulted in again
    when the next step allocates them: thousands of faults an update, 7 to 20 % of its time (docs/performance.md).

    Returns:
        Whether it was done: on Linux with glibc.
    """
    mallopt = _from_glibc("mallopt")
    if mallopt is None:
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES) and mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES))


def return_freed_memory() -> bool:
    """Hand freed memory back to the kernel now, whatever `keep_freed_memory` said: after work that comes rarely.

    What an evaluation, a video or a picture took and left would stay with the process, in holes that training does
    not fill: a run would seem to grow.

    Returns:
        Whether any was: on Linux with glibc.
    """
    malloc_trim = _from_glibc("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(0))


def _from_glibc(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where that is another."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None


_WANTED = re.compile(r"(?:tried|Unable) to allocate ([\d.]+ \w+)", re.IGNORECASE)
_UNNUMBERED = re.compile(r"CUDA error: out of memory|ALLOC_FAILED")
_FREE = re.compile(r"of which ([\d.]+ \w+) is free")


@contextmanager
def explain_oom(remedy: str) -> Iterator[None]:
    """Turn torch's error about memory of a GPU or of the machine into one of ours.

    Args:
        remedy: which settings to change.

    Raises:
        MemoryBudgetError: there was not as much memory as torch asked for inside.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is one, and the CPU's allocator has none
        wanted, free = _WANTED.search(str(error)), _FREE.search(str(error))
        if not (wanted or _UNNUMBERED.search(str(error)) or isinstance(error, MemoryError)):
            raise
        raise MemoryBudgetError(
            f"expected {wanted[1] + ' ' if wanted else ''}more memory, got {free[1] if free else 'less'} free: {remedy}"
        ) from error


def check_budget(needed: int, device: torch.device, what: str, remedy: str) -> None:
    """Refuse what does not fit.

    Args:
        needed: bytes.
        device: where they would lie.
        what: who needs them, as the message says it.
        remedy: what to change.

    Raises:
        MemoryBudgetError: More is needed than is free.
    """
    free = available_bytes(device)
    if needed > free:
        raise MemoryBudgetError(
            f"expected {needed / 1e9:.2f} GB on {device} for {what}, got {free / 1e9:.2f} GB free: {remedy}"
        )


def available_bytes(device: torch.device) -> int:
    """Memory free for new tensors on ``device``, bytes: of the card, or of machine and container."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(_machine(Path("/proc/meminfo")), _container(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))


def _machine(meminfo: Path) -> int:
    """What Linux calls MemAvailable; elsewhere all the memory the machine has."""
    if meminfo.exists():
        return 1024 * _number(meminfo, r"^MemAvailable:\s+(\d+) kB")
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", r"^total_inactive_file (\d+)")
_V2 = ("memory.max", "memory.current", r"^inactive_file (\d+)")


def _container(membership: Path, mount: Path) -> int:
    """The least that a memory control group of this process, or one above it, still allows."""
    headroom = [2**63]
    for line in membership.read_text().splitlines() if membership.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            headroom += _headroom(mount, path, *_V2)
        elif "memory" in controllers.split(","):
            headroom += _headroom(mount / "memory", path, *_V1)
    return min(headroom)


def _headroom(mount: Path, path: str, limit: str, usage: str, reclaimable: str) -> list[int]:
    """Limit - usage + file cache that would be given up, of each group from ``path`` up to the mount."""
    group = mount / path.lstrip("/")
    groups = [folder for folder in (group, *group.parents) if folder.is_relative_to(mount)]
    return [
        _number(folder / limit, r"(\d+)")
        - _number(folder / usage, r"(\d+)")
        + _number(folder / "memory.stat", reclaimable)
        for folder in groups
        if (folder / limit).exists() and (folder / limit).read_text().strip() != "max"
    ]


def _number(path: Path, pattern: str) -> int:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on ``device``, without waiting for what the device is doing."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
