"""Memory of the process and the machine, and errors that name the setting to change."""

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
    """Return the memory metrics of this process, and the GPU metrics if ``device`` is a CUDA device."""
    return {"system/memory_gb": resident_bytes() / 1e9, **(_cuda_usage(device) if device.type == "cuda" else {})}


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes; its peak on systems without /proc."""
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
    return {**metrics, **_cuda_utilization(device)}


def _cuda_utilization(device: torch.device) -> dict[str, float]:
    """Return the share of time in which the GPU computed; empty if its driver does not report it, as under MIG."""
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
    """Keep up to 1 GiB of freed memory in this process, instead of returning it to the kernel at every step.

    By default glibc returns large tensors to the kernel when they are freed. The next step allocates them again and
    faults in every page: thousands of faults an update, 7 to 20 % of its time (docs/performance.md).

    Returns:
        Whether it took effect, which needs Linux with glibc.
    """
    mallopt = _from_glibc("mallopt")
    if mallopt is None:
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES) and mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES))


def return_freed_memory() -> bool:
    """Return freed memory to the kernel now, even after `keep_freed_memory`. Call it after rare, large work.

    The memory of an evaluation, a video or a plot would otherwise stay with the process, in holes that training does
    not fill. The process would seem to leak.

    Returns:
        Whether any was returned, which needs Linux with glibc.
    """
    malloc_trim = _from_glibc("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(0))


def _from_glibc(name: str) -> Callable[..., int] | None:
    """Return a function of glibc, or None if the C library does not have it."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None


_WANTED = re.compile(r"(?:tried|Unable) to allocate ([\d.]+ \w+)", re.IGNORECASE)
_UNNUMBERED = re.compile(r"CUDA error: out of memory|ALLOC_FAILED")
_FREE = re.compile(r"of which ([\d.]+ \w+) is free")


@contextmanager
def explain_oom(remedy: str) -> Iterator[None]:
    """Turn torch's out-of-memory errors, on a GPU or the CPU, into a `MemoryBudgetError`.

    Args:
        remedy: which settings to change.

    Raises:
        MemoryBudgetError: an allocation inside the block failed.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch raises RuntimeErrors, a plain one on the CPU
        wanted, free = _WANTED.search(str(error)), _FREE.search(str(error))
        if not (wanted or _UNNUMBERED.search(str(error)) or isinstance(error, MemoryError)):
            raise
        raise MemoryBudgetError(
            f"expected {wanted[1] + ' ' if wanted else ''}more memory, got {free[1] if free else 'less'} free: {remedy}"
        ) from error


def check_budget(needed: int, device: torch.device, what: str, remedy: str) -> None:
    """Refuse to allocate more memory than is free.

    Args:
        needed: bytes.
        device: to allocate on.
        what: purpose of the memory, for the message.
        remedy: what to change, for the message.

    Raises:
        MemoryBudgetError: less than ``needed`` is free.
    """
    free = available_bytes(device)
    if needed > free:
        raise MemoryBudgetError(
            f"expected {needed / 1e9:.2f} GB on {device} for {what}, got {free / 1e9:.2f} GB free: {remedy}"
        )


def available_bytes(device: torch.device) -> int:
    """Return the free memory on ``device`` in bytes; for the CPU, the smaller of the machine's and the container's."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(_machine(Path("/proc/meminfo")), _container(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))


def _machine(meminfo: Path) -> int:
    """Return MemAvailable of Linux in bytes; on other systems, the total memory of the machine."""
    if meminfo.exists():
        return 1024 * _number(meminfo, r"^MemAvailable:\s+(\d+) kB")
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", r"^total_inactive_file (\d+)")
_V2 = ("memory.max", "memory.current", r"^inactive_file (\d+)")


def _container(membership: Path, mount: Path) -> int:
    """Return the bytes that the cgroups of this process still allow: the least of all groups and their parents."""
    headroom = [2**63]
    for line in membership.read_text().splitlines() if membership.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            headroom += _headroom(mount, path, *_V2)
        elif "memory" in controllers.split(","):
            headroom += _headroom(mount / "memory", path, *_V1)
    return min(headroom)


def _headroom(mount: Path, path: str, limit: str, usage: str, reclaimable: str) -> list[int]:
    """Return ``limit - usage + reclaimable file cache`` in bytes for each cgroup from ``path`` up to the mount."""
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
    """Copy a CPU tensor to ``device`` without waiting for the device's pending work."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
