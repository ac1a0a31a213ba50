"""``rlvision`` for as long as its input is open: a sweep starts its runs this way, so that none outlives it."""

import os
import signal
import sys
import threading

from rlvision.cli.main import main


def hold() -> None:
    """From now on, end by SIGTERM, which saves, as soon as this process's input is closed."""
    threading.Thread(target=_leave_with_the_input, daemon=True).start()


def _leave_with_the_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    hold()
    sys.exit(main())
