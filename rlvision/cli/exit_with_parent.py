"""Run ``rlvision`` until its standard input closes: a sweep starts its runs this way, so that none outlives it."""

import os
import signal
import sys
import threading

from rlvision.cli.main import main


def exit_with_parent() -> None:
    """End this process with SIGTERM, which saves the run, as soon as its standard input closes."""
    threading.Thread(target=_terminate_at_end_of_input, daemon=True).start()


def _terminate_at_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    exit_with_parent()
    sys.exit(main())
