"""glibc's allocator, told that a training step will want its memory back at once."""

import ctypes
import sys
from collections.abc import Callable

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
