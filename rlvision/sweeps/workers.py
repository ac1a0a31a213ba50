"""Worker processes, each of which trains one run by the ordinary command line."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rlvision.core.files import open_to_append, read_tail
from rlvision.core.folders import make_folder
from rlvision.core.signals import INTERRUPTED
from rlvision.runs import history
from rlvision.tracking.jsonl import METRICS_FILE, last_env_steps

LOG_FILE = "log.txt"
LAST_BYTES = 65_536
"""Size of the end of a log that is searched for its last line."""
PROGRAM = (sys.executable, "-P", "-m", "rlvision.cli.exit_with_parent")
"""``-P`` keeps the working directory off the front of Python's path: a user's ``queue.py`` there must not run."""
Outcome = Literal["finished", "interrupted", "failed"]


class Worker:
    """A process that trains one run; its output goes to ``log.txt`` in the run's folder.

    It has its own session, so that Ctrl-C reaches only the sweep, which passes it on once. Its input is a pipe
    that is never written: it closes when the sweep ends, and then the run ends (`rlvision.cli.exit_with_parent`).

    Args:
        folder: of the run.
        command: the result of `rlvision.sweeps.trials.train_command`.
        threads: number of threads for libraries that read it from the environment.
        program: the executable and its first arguments.
    """

    def __init__(self, folder: Path, command: Sequence[str], threads: int, program: Sequence[str] = PROGRAM) -> None:
        self.folder = folder
        self.command = command
        make_folder(folder)
        environment: Mapping[str, str] = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        with open_to_append(folder / LOG_FILE) as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*program, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def outcome(self) -> Outcome:
        """The way in which the process ended."""
        exit_code = self._process.poll()
        if exit_code not in (0, -signal.SIGTERM):
            return "failed"
        ended = history.end_reason(self.folder)
        return "interrupted" if ended is None or ended.startswith(INTERRUPTED) else "finished"

    @property
    def env_steps(self) -> int:
        """Env steps so far, by the last row of its metrics."""
        return last_env_steps(self.folder / METRICS_FILE)

    @property
    def last_words(self) -> str:
        """The last line of its log."""
        lines = read_tail(self.folder / LOG_FILE, LAST_BYTES).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def stop(self) -> None:
        """Ask the process to finish its step, save and exit."""
        self._process.terminate()

    def wait(self) -> None:
        """Wait until the process has exited."""
        self._process.communicate()

    def kill(self) -> None:
        """Kill the process at once; do nothing if it has ended."""
        self._process.kill()
        self.wait()
