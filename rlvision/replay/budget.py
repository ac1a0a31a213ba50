"""How much memory there is, asked before any is taken."""

import os
import re
from pathlib import Path

import torch

from rlvision.core.errors import MemoryBudgetError


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
