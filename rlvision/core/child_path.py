"""Python processes that start without the working directory on their path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SAFE_PATH, OURS = "PYTHONSAFEPATH", "rlvision"
"""Python's variable for its option -P, and the value that we give it; any value will do."""


@contextmanager
def safe_path() -> Iterator[None]:
    """Keep the working directory off the path of Python processes that start inside the block.

    Otherwise a spawned process would import, and run, a user's ``queue.py`` there. `forget_safe_path` in the process
    lets its own children start as usual.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = before or OURS
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]


def forget_safe_path() -> None:
    """Undo, in the environment of this process, what `safe_path` set in its parent."""
    if os.environ.get(SAFE_PATH) == OURS:
        del os.environ[SAFE_PATH]
