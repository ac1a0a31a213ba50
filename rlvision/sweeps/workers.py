"""Runs in processes of their own, each the command that a person would give."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlvision.config.field_types import spelling
from rlvision.core.files import open_to_append, read_tail
from rlvision.core.folders import make_folder
from rlvision.core.signals import INTERRUPTED
from rlvision.runs import history
from rlvision.sweeps.results import Status
from rlvision.sweeps.sweep_file import Sweep
from rlvision.sweeps.trials import Trial
from rlvision.tracking.jsonl import METRICS_FILE, last_env_steps

LOG_FILE = "log.txt"
LAST_BYTES = 65_536
"""Of a log, in which its last words are looked for."""
PROGRAM = (sys.executable, "-m", "rlvision.cli.exit_with_parent")


def train_command(sweep: Sweep, trial: Trial, folder: Path, threads: int) -> list[str]:
    """The arguments of ``rlvision`` that train a trial in ``folder``; the sweep is its W&B group."""
    usual = {"threads": threads, "tracking.group": sweep.name}
    settings = {**usual, **sweep.fixed, **trial.settings, "out": str(folder)}
    return ["train", sweep.preset, *(f"--{name}={spelling(value)}" for name, value in settings.items())]


class Worker:
    """One run going on; what it says goes to ``log.txt`` in its folder.

    It has a session of its own, so that Ctrl-C reaches the sweep alone, which passes it on once. Its input is a pipe
    that nobody writes to: it ends with the sweep, and with it the run (`rlvision.cli.exit_with_parent`).

    Args:
        trial: what it trains.
        folder: of the run.
        command: as `train_command` makes it.
        threads: for the libraries that ask the environment how many.
        program: what the command is given to.
    """

    def __init__(
        self, trial: Trial, folder: Path, command: Sequence[str], threads: int, program: Sequence[str] = PROGRAM
    ) -> None:
        self.trial = trial
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
        """Whether it has left."""
        return self._process.poll() is not None

    @property
    def status(self) -> Status:
        """How it has left."""
        exit_code = self._process.poll()
        if exit_code not in (0, -signal.SIGTERM):
            return "failed"
        ended = history.why_it_ended(self.folder)
        return "interrupted" if ended is None or ended.startswith(INTERRUPTED) else "finished"

    @property
    def env_steps(self) -> int:
        """So far has it come, by its last row."""
        return last_env_steps(self.folder / METRICS_FILE)

    @property
    def last_words(self) -> str:
        """The last line of its log."""
        lines = read_tail(self.folder / LOG_FILE, LAST_BYTES).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def stop(self) -> None:
        """Let it finish its step, save and leave."""
        self._process.terminate()

    def wait(self) -> None:
        """Until it has left, as it now does in any case."""
        self._process.communicate()

    def kill(self) -> None:
        """End it at once; may be called when it is over."""
        self._process.kill()
        self.wait()
