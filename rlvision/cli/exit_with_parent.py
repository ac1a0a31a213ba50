"""``rlvision``, for as long as its input is open: what a sweep starts, so that nothing it began outlives it."""

import os
import signal
import sys
import threading

from rlvision.cli.main import main


def hold() -> None:
    """From now on, leave by SIGTERM, which saves, once nobody is left who could write to this process's input."""
    threading.Thread(target=_leave_with_the_input, daemon=True).start()


def _leave_with_the_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    hold()
    sys.exit(main())
