"""Runner of a sweep on this machine, without a server."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rlvision.core.errors import ConfigError
from rlvision.core.folders import remove_leftovers, require_folders
from rlvision.core.locks import folder_lock
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.signals import StopReason, interruption
from rlvision.runs.run_folder import RunFolder
from rlvision.sweeps.results import Result, Status, measured, read_results, write_results
from rlvision.sweeps.sweep_file import Sweep
from rlvision.sweeps.trials import Trial, train_command
from rlvision.sweeps.workers import PROGRAM, Worker
from rlvision.tracking.console import PipeSafeConsole

POLL_SECONDS = 0.2
"""Seconds between two checks of the workers."""


@dataclass(frozen=True, slots=True)
class Job:
    """A trial that is being trained."""

    trial: Trial
    worker: Worker
    bar: TaskID  # its progress bar


class Runner:
    """A runner that trains the trials of a sweep, several at a time; finished trials are not trained again.

    Args:
        sweep: the result of `rlvision.sweeps.sweep_file.read_sweep`.
        trials: the runs of the sweep.
        folder: holds a folder for each run.
        processes: number of runs at the same time.
        threads: CPU threads of all runs together; None for all threads of the machine.
        console: shows the progress.
        program: the command that is started with the arguments of ``rlvision``.
    """

    def __init__(
        self,
        sweep: Sweep,
        trials: Sequence[Trial],
        folder: AnyPath,
        *,
        processes: int,
        threads: int | None = None,
        console: Console | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._sweep = sweep
        self._trials = trials
        self._folder = as_path(folder)
        self._processes = processes
        self._threads = max(1, (threads or usable_threads()) // processes)
        self._console = console or PipeSafeConsole(highlight=False, soft_wrap=True)
        self._program = program
        self._results: dict[str, Result] = {}
        self._jobs: list[Job] = []

    def run(self) -> list[Result]:
        """Train the unfinished trials until all are done or the user interrupts; return results in the trials' order.

        Raises:
            ConfigError: the folder cannot be written, or it is that of a single run.
            CheckpointError: another sweep is using the folder.
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
            self._load_results()
            try:
                self._work(bars, interrupted)
            finally:
                for job in self._jobs:  # none, unless an error or a second Ctrl-C ended the work
                    job.worker.kill()
        return list(self._results.values())

    def _load_results(self) -> None:
        """Load the stored results of these trials, unless another command made them."""
        remove_leftovers(self._folder)
        require_folders(self._folder, (trial.name for trial in self._trials))
        noted = read_results(self._folder)
        for trial in self._trials:
            folder, command = self._folder / trial.name, self._command(trial)
            before = noted.get(trial.name)
            is_finished = before is not None and before.status == "finished" and folder.is_dir()
            same = before is not None and without_threads(before.command) == without_threads(command)
            status: Status = "finished" if is_finished and same else "waiting"
            result = Result(trial.name, status, trial.settings, command)
            self._results[trial.name] = measured(result, folder, self._sweep.metric)

    def _work(self, bars: Progress, interrupted: StopReason) -> None:
        waiting = [trial for trial in self._trials if self._results[trial.name].status != "finished"]
        if not waiting:
            bars.console.print(f"nothing left to train: all {len(self._trials):,} runs are finished")
        everything = bars.add_task(self._sweep.name, total=len(self._trials))
        while (waiting or self._jobs) and not interrupted():
            while waiting and len(self._jobs) < self._processes:
                self._start(waiting.pop(0), bars)
            time.sleep(POLL_SECONDS)
            self._poll(bars)
            bars.update(everything, completed=self._finished)
        self._stop(bars, interrupted())

    def _stop(self, bars: Progress, word: str | None) -> None:
        """Ask every worker to save and exit, and store their results."""
        if word:
            bars.console.print(word)
        for job in self._jobs:
            job.worker.stop()
        for job in self._jobs:
            job.worker.wait()
        self._poll(bars)

    def _start(self, trial: Trial, bars: Progress) -> None:
        folder, command = self._folder / trial.name, self._command(trial)
        worker = Worker(folder, command, self._threads, self._program)
        self._jobs.append(Job(trial, worker, bars.add_task(trial.name, total=trial.config.env_steps)))
        if not bars.console.is_terminal:
            bars.console.print(f"begins: {trial.name}")

    def _poll(self, bars: Progress) -> None:
        """Show the progress of the workers, and store the results of those that have exited."""
        for job in list(self._jobs):
            bars.update(job.bar, completed=min(job.worker.env_steps, job.trial.config.env_steps))
            if job.worker.is_gone:
                job.worker.wait()
                self._jobs.remove(job)
                bars.remove_task(job.bar)
                self._note(job, bars.console)

    def _note(self, job: Job, console: Console) -> None:
        trial, worker, status = job.trial, job.worker, job.worker.outcome
        why = worker.last_words if status == "failed" else None
        result = Result(trial.name, status, trial.settings, worker.command, why)
        self._results[trial.name] = result = measured(result, worker.folder, self._sweep.metric)
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
    """Return a command without the options that a continued sweep may change."""
    return [word for word in command if not word.startswith("--threads=")]


def usable_threads() -> int:
    """Return the threads that OMP_NUM_THREADS allows, else the cores of this process."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
