"""A description of the machine that ran a benchmark, without its name."""

import os
import platform
import re
from pathlib import Path
from typing import Any

import torch


def machine() -> dict[str, Any]:
    """Return the processor, its cores, the cores that this process may use, the system, torch and its threads."""
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return {
        "cpu": named[1] if named else platform.processor(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_words(described: dict[str, Any]) -> str:
    """Format a description as one line."""
    return (
        f"{described['cpu']}, {described['usable_cores']} of {described['cores']} cores, "
        f"{described['instructions']}; torch {described['torch']}, {described['threads']} threads"
    )
