"""Programs without ``if __name__ == "__main__":``: they are told, and play without workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlvision.config.loading import load_config
from rlvision.runs import main_guard

GUARDED = "import sys\nif '__main__' == __name__:\n    print(1)\n"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a file the program that runs."""

    def run_as(text, name="mine.py"):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / name), raising=False)
        monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
        return (tmp_path / name).resolve()

    return run_as


@pytest.mark.parametrize(
    ("text", "guarded"), [(GUARDED, True), ("print(1)", False), ("no python", True), ("a == b", False)]
)
def test_a_guard_is_found_by_reading(program, text, guarded):
    file = program(text)
    assert main_guard.program_without_guard() == (None if guarded else file)


def test_what_no_process_can_import_needs_no_guard(program, monkeypatch):
    program("print(1)", "not-a-name.py")
    assert main_guard.program_without_guard() is None
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/nowhere/mine.py", raising=False)
    assert main_guard.program_without_guard() is None


def test_a_run_of_the_programs_own_classes_says_that_nothing_can_import_it(program):
    program("print(1)")
    (line,) = main_guard.lines_of_unguarded(["pong", "mine:World"])
    assert line.startswith("mine.py has no if __name__ == '__main__': so commands such as evaluate")
    assert list(main_guard.lines_of_unguarded(["pong", "minerals:World"])) == []
    program(GUARDED)
    assert list(main_guard.lines_of_unguarded(["mine:World"])) == []


def test_only_an_unguarded_program_plays_without_workers(program):
    config = load_config("odd_checks:Sound", {"env.num_workers": 2, "env.step_timeout": 5})
    program(GUARDED)
    assert main_guard.without_workers_if_unguarded(config) is config
    program("print(1)")
    alone = main_guard.without_workers_if_unguarded(config)
    assert (alone.env.num_workers, alone.env.step_timeout) == (0, 60.0)


SCRIPT = """
import rlvision
run = rlvision.load("run", trust_imports=True)
print("mean", run.evaluate(games=2).mean)
"""


def test_a_run_with_workers_is_evaluated_by_a_program_without_a_guard(tmp_path):
    world = [
        "odd_checks:Sound",
        "--env.num-workers=1",
        "--env.num-envs=2",
        "--env-steps=20",
        "--out=run",
        "--evaluate-every=0",
    ]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "check": True}
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests.parent), str(tests / "own")])
    environment = {**os.environ, "PYTHONPATH": path, "WANDB_MODE": "disabled"}
    command = [sys.executable, "-m", "rlvision", "train", *world, "--evaluate-every=0", "--evaluation.games=1"]
    subprocess.run(command, env=environment, **options)
    (tmp_path / "plays.py").write_text(SCRIPT)
    played = subprocess.run([sys.executable, "plays.py"], env=environment, **options)
    assert "mean 1.0" in played.stdout
