"""Running sweeps: what is started, what is left out, what is noted, and how it ends."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.locks import folder_lock
from rlvision.sweeps.results import SUMMARY, summary_table
from rlvision.sweeps.runner import Runner
from rlvision.sweeps.sweep_file import read_sweep
from rlvision.sweeps.trials import make_trials

FAKE = (sys.executable, str(Path(__file__).parents[1] / "own" / "fake_train.py"))
FILE = """
program: train.py
method: grid
parameters: {{agent.n_step: {{values: {values}}}}}
command: ["${{program}}", cartpole-dqn, --env-steps=400, "${{args}}"]
"""


class Bench:
    """A folder in which a sweep is run again and again by `fake_train`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = StringIO()

    def run(self, values=(1, 2, 3), processes=1, threads=4, seeds=()):
        file = self.folder / "mine.yaml"
        file.write_text(FILE.format(values=[*values]))
        self.sweep = read_sweep(str(file))
        wanted = make_trials(self.sweep, runs=None, seeds=seeds)
        console = Console(file=self.said, width=100)
        runner = Runner(
            self.sweep, wanted, self.folder, processes=processes, threads=threads, console=console, program=FAKE
        )
        return runner.run()

    def order(self, text: str) -> None:
        (self.folder / "orders").write_text(text)

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_every_run_is_made_once_with_its_share_of_the_threads(bench):
    results = bench.run(processes=2, threads=5)
    assert [result.status for result in results] == ["finished"] * 3
    assert sorted(bench.calls) == [[f"n_step={n}", "2", "2"] for n in (1, 2, 3)]
    assert [(result.best, result.last, result.env_steps) for result in results] == [
        (10.0 * n, 9.0 * n, 400) for n in (1, 2, 3)
    ]


def test_the_same_command_makes_only_what_is_new_or_failed_or_changed(bench):
    bench.order("fail 2")
    assert [result.status for result in bench.run()] == ["finished", "failed", "finished"]
    bench.order("")
    (bench.folder / "calls").unlink()
    results = bench.run(values=(1, 2, 4), processes=2)  # with other threads, which change nothing
    assert sorted(name for name, *_ in bench.calls) == ["n_step=2", "n_step=4"]
    assert [result.status for result in results] == ["finished"] * 3


def test_the_folder_of_a_single_run_is_refused(bench):
    (bench.folder / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"expected a sweep's folder in --out, got the run .*: name another"):
        bench.run()
    assert bench.calls == []
    assert not list(bench.folder.glob("n_step=*"))


def test_a_failure_stops_no_other_run_and_says_why(bench):
    bench.order("fail 1")
    first, *others = bench.run()
    assert (first.status, first.why) == ("failed", "rlvision: expected a working machine, got none")
    assert [result.status for result in others] == ["finished"] * 2
    assert (
        "failed after 400 env steps: n_step=1 (rlvision: expected a working machine, got none)" in bench.said.getvalue()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_lets_the_runs_save_and_the_same_command_continues(bench, monkeypatch, number):
    bench.order("wait 1 wait 2")
    sleep = time.sleep

    def interrupt_once_both_are_at_work(seconds):
        sleep(seconds)
        if len(list(bench.folder.glob("*/metrics.jsonl"))) == 2:
            monkeypatch.setattr(time, "sleep", sleep)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(time, "sleep", interrupt_once_both_are_at_work)
    results = bench.run(processes=2)
    assert [result.status for result in results] == ["interrupted", "interrupted", "waiting"]
    assert [(bench.folder / f"n_step={n}" / "log.txt").read_text() for n in (1, 2)] == ["saved\n", "saved\n"]
    assert len(bench.calls) == 2
    bench.order("")
    assert [result.status for result in bench.run()] == ["finished"] * 3
    assert len(bench.calls) == 5


def test_a_second_ctrl_c_leaves_no_process_behind(bench, monkeypatch):
    bench.order("wait 1 wait 2 wait 3")
    sleep = time.sleep

    def interrupt_twice(seconds):
        sleep(seconds)
        if list(bench.folder.glob("*/metrics.jsonl")):
            monkeypatch.setattr(time, "sleep", sleep)
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(time, "sleep", interrupt_twice)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert children() == []


def test_a_run_that_somebody_else_interrupts_is_not_finished(bench, monkeypatch):
    bench.order("wait 2")
    sleep = time.sleep

    def interrupt_the_one_that_waits(seconds):
        sleep(seconds)
        if (bench.folder / "n_step=2" / "metrics.jsonl").exists():
            monkeypatch.setattr(time, "sleep", sleep)
            os.kill(the_run_that_waits(), signal.SIGTERM)

    monkeypatch.setattr(time, "sleep", interrupt_the_one_that_waits)
    assert [result.status for result in bench.run()] == ["finished", "interrupted", "finished"]


def test_a_sweep_that_is_killed_leaves_no_run_behind(tmp_path):
    """The workers' input is a pipe from the sweep: by its end they know."""
    (tmp_path / "orders").write_text("wait 1")
    sweep = subprocess.Popen([sys.executable, "-c", SWEEP_OF_ONE, str(tmp_path), *FAKE])
    assert eventually((tmp_path / "run" / "metrics.jsonl").exists)
    sweep.kill()
    sweep.wait()
    assert eventually((tmp_path / "run" / "history.jsonl").exists)  # it had the time to save


def eventually(happens):
    """Whether it does within a minute."""
    return any(happens() or time.sleep(0.05) for _ in range(1200))


def the_run_that_waits():
    (child,) = children()
    return int(child)


def children():
    """Process ids of the runs going on, among what else this process has begun."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [child for child in listed if b"fake_train" in Path(f"/proc/{child}/cmdline").read_bytes()]


SWEEP_OF_ONE = """
import sys, time
from pathlib import Path
from rlvision.sweeps.workers import Worker
folder, *program = Path(sys.argv[1]), *sys.argv[2:]
command = [f"--out={folder / 'run'}", "--threads=1", "--agent.n_step=1"]
Worker(folder / "run", command, 1, program)
time.sleep(600)
"""


def test_what_came_of_it_is_noted_as_json_and_csv(bench):
    results = bench.run(values=(1, 2), seeds=(5, 6))
    noted = json.loads((bench.folder / SUMMARY).read_text())
    assert [entry["name"] for entry in noted] == [result.name for result in results]
    rows = list(csv.DictReader((bench.folder / "summary.csv").read_text().splitlines()))
    assert [(row["agent.n_step"], row["seed"], row["status"], row["last"]) for row in rows] == [
        (n, s, "finished", str(9.0 * int(n))) for n in "12" for s in "56"
    ]


def test_the_table_has_the_best_first_and_sums_up_seeds(bench):
    bench.order("fail 3")
    results = bench.run(seeds=(5, 6))
    console = Console(file=StringIO(), width=120, record=True)
    console.print(summary_table(results, bench.sweep.metric))
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines()]
    assert [row for row in cells if row] == [
        ["n_step", "runs", "evaluate/mean, last", "lowest to highest", "best"],
        ["3", "0 of 2", "27", "27 to 27", "30"],
        ["2", "2", "18", "18 to 18", "20"],
        ["1", "2", "9", "9 to 9", "10"],
    ]


def test_what_all_runs_have_alike_is_no_column(bench):
    results = bench.run(values=(2,), seeds=(5, 6))
    console = Console(file=StringIO(), width=120, record=True)
    console.print(summary_table(results, bench.sweep.metric))
    text = console.export_text()
    assert next(cell.strip() for cell in text.splitlines()[1].split("│")[1:-1]) == "runs"
    assert text.splitlines()[-1].strip() == "all runs: agent.n_step=2"


def test_a_sweep_that_is_finished_says_so(bench):
    bench.run()
    bench.said.truncate(0)
    bench.run()
    assert "nothing left to train: all 3 runs are finished" in bench.said.getvalue()


def test_two_sweeps_do_not_work_in_one_folder(bench):
    with (
        folder_lock(bench.folder),
        pytest.raises(CheckpointError, match=r"expected no other process in .*, got process"),
    ):
        bench.run()
    assert not bench.calls


def test_a_summary_of_something_else_is_not_overwritten(bench):
    (bench.folder / SUMMARY).write_text('{"mine": 1}')
    with pytest.raises(CheckpointError, match=r"summary of a sweep in .*, got something else: move it away"):
        bench.run()
    assert (bench.folder / SUMMARY).read_text() == '{"mine": 1}'
