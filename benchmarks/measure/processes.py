"""The memory of a process and of its children, read from Linux's /proc."""

import re
from pathlib import Path


def resident(pid: int) -> int:
    """Return the resident bytes of a process; 0 if it has ended."""
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def resident_of_tree(pid: int) -> int:
    """Return the resident bytes of a process and of all its descendants; shared memory counts for each."""
    return resident(pid) + sum(resident_of_tree(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    try:
        texts = [(thread / "children").read_text() for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [int(child) for text in texts for child in text.split()]
