"""glibc's allocator, told that a training step will want its memory back at once."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEEP_BYTES = 1 << 30
_MMAP_FROM_BYTES = 32 << 20  # the largest that glibc takes


def keep_freed_memory() -> bool:
    """Let this process keep up to 1 GiB of freed memory instead of handing it to the kernel and back at every step.

    By default glibc returns large tensors to the kernel when they are freed, and every page is faulted in again
    when the next step allocates them: thousands of faults an update, 7 to 20 % of its time (docs/results.md).

    Returns:
        Whether it was done: on Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES) and mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES))
