"""Runs a sweep on this machine, without a server."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rlvision.core.errors import ConfigError
from rlvision.core.folder_lock import folder_lock
from rlvision.core.folders import remove_leftovers, require_folders
from rlvision.core.signals import Interrupted, interruption
from rlvision.runs.run_folder import RunFolder
from rlvision.sweeps.results import Result, Status, measure, read_results, write_results
from rlvision.sweeps.sweep_file import Sweep
from rlvision.sweeps.trials import Trial
from rlvision.sweeps.workers import PROGRAM, Worker, train_command
from rlvision.tracking.console import SteadyConsole

LOOK_SECONDS = 0.2
"""Between two looks at the workers."""


class Runner:
    """Trains the trials of a sweep, some at a time; what is finished is not trained again.

    Args:
        sweep: what is tried.
        trials: its runs.
        folder: each run has a folder in it.
        processes: runs going on at once.
        threads: CPU threads of all of them together; unset, those of the machine.
        console: where progress is shown.
        program: what is started with the arguments of ``rlvision``.
    """

    def __init__(
        self,
        sweep: Sweep,
        trials: Sequence[Trial],
        folder: Path,
        *,
        processes: int,
        threads: int | None = None,
        console: Console | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._sweep = sweep
        self._trials = trials
        self._folder = folder
        self._processes = processes
        self._threads = max(1, (threads or usable_threads()) // processes)
        self._console = console or SteadyConsole(highlight=False, soft_wrap=True)
        self._program = program
        self._results: dict[str, Result] = {}
        self._workers: dict[Worker, TaskID] = {}

    def run(self) -> list[Result]:
        """Train what is not finished yet, until all is or somebody interrupts; the results in the trials' order.

        Raises:
            ConfigError: nothing can be written in the folder, or it is that of a single run.
            CheckpointError: another sweep is at work there.
        """
        if RunFolder(self._folder).exists:
            raise ConfigError(f"expected a sweep's folder in --out, got the run {self._folder}: name another")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"expected to write to {self._folder}, got {error.strerror}: set --out to another"
            ) from error
        with interruption() as interrupted, folder_lock(self._folder), self._bars() as bars:
            self._take_stock()
            try:
                self._work(bars, interrupted)
            finally:
                for worker in self._workers:  # none, unless something went wrong or somebody is impatient
                    worker.kill()
        return list(self._results.values())

    def _take_stock(self) -> None:
        """The results noted before of what is tried now; whatever another command made counts for nothing."""
        remove_leftovers(self._folder)
        require_folders(self._folder, (trial.name for trial in self._trials))
        noted = read_results(self._folder)
        for trial in self._trials:
            folder, command = self._folder / trial.name, self._command(trial)
            before = noted.get(trial.name)
            is_finished = before is not None and before.status == "finished" and folder.is_dir()
            same = before is not None and without_threads(before.command) == without_threads(command)
            status: Status = "finished" if is_finished and same else "waiting"
            self._results[trial.name] = measure(trial, folder, command, status, self._sweep.metric, None)

    def _work(self, bars: Progress, interrupted: Interrupted) -> None:
        waiting = [trial for trial in self._trials if self._results[trial.name].status != "finished"]
        if not waiting:
            bars.console.print(f"nothing left to train: all {len(self._trials):,} runs are finished")
        everything = bars.add_task(self._sweep.name, total=len(self._trials))
        while (waiting or self._workers) and not interrupted():
            while waiting and len(self._workers) < self._processes:
                self._start(waiting.pop(0), bars)
            time.sleep(LOOK_SECONDS)
            self._look(bars)
            bars.update(everything, completed=self._finished)
        self._stop(bars, interrupted())

    def _stop(self, bars: Progress, word: str | None) -> None:
        """Let every worker save and leave."""
        if word:
            bars.console.print(word)
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.wait()
        self._look(bars)

    def _start(self, trial: Trial, bars: Progress) -> None:
        folder, command = self._folder / trial.name, self._command(trial)
        worker = Worker(trial, folder, command, self._threads, self._program)
        self._workers[worker] = bars.add_task(trial.name, total=trial.config.env_steps)
        if not bars.console.is_terminal:
            bars.console.print(f"begins: {trial.name}")

    def _look(self, bars: Progress) -> None:
        """Show how far the workers are, and note what those that left have come to."""
        for worker, bar in list(self._workers.items()):
            bars.update(bar, completed=min(worker.env_steps, worker.trial.config.env_steps))
            if worker.is_gone:
                worker.wait()
                del self._workers[worker]
                bars.remove_task(bar)
                self._note(worker, bars.console)

    def _note(self, worker: Worker, console: Console) -> None:
        status = worker.status
        why = worker.last_words if status == "failed" else None
        result = measure(worker.trial, worker.folder, worker.command, status, self._sweep.metric, why)
        self._results[worker.trial.name] = result
        write_results(self._folder, self._results.values())
        console.print(f"{status} after {result.env_steps:,} env steps: {result.name}" + (f" ({why})" if why else ""))

    def _command(self, trial: Trial) -> list[str]:
        return train_command(self._sweep, trial, self._folder / trial.name, self._threads)

    @property
    def _finished(self) -> int:
        return sum(result.status == "finished" for result in self._results.values())

    @contextmanager
    def _bars(self) -> Iterator[Progress]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = self._console
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
            yield bars


def without_threads(command: Sequence[str]) -> list[str]:
    """A command without what may change while a sweep goes on."""
    return [word for word in command if not word.startswith("--threads=")]


def usable_threads() -> int:
    """As many as OMP_NUM_THREADS says, or as this process has cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
