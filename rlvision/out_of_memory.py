"""Memory that runs out while training, in words: what did not fit, and which setting would."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rlvision.errors import MemoryBudgetError

_WANTED = re.compile(r"(?:tried|Unable) to allocate ([\d.]+ \w+)", re.IGNORECASE)
_UNNUMBERED = re.compile(r"CUDA error: out of memory|ALLOC_FAILED")
_FREE = re.compile(r"of which ([\d.]+ \w+) is free")


@contextmanager
def naming(remedy: str) -> Iterator[None]:
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
