"""No child process puts the working directory on the front of its path: a user's queue.py there is not run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlvision.core.child_path import OURS, SAFE_PATH, forget_safe_path, safe_path
from rlvision.sweeps.workers import PROGRAM

ROOT = Path(__file__).parents[2]
SHADOWED = ("queue", "wandb", "socket", "pickle", "selectors", "annotated_types", "yaml")


@pytest.fixture
def traps(monkeypatch, tmp_path):
    """A working directory with modules that leave a mark when they are run; returns the marks."""
    for name in SHADOWED:
        (tmp_path / f"{name}.py").write_text(
            f"import pathlib\npathlib.Path({str(tmp_path)!r}, {name + '.ran'!r}).touch()\nraise ImportError('a trap')\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(SAFE_PATH, raising=False)
    return lambda: sorted(path.stem for path in tmp_path.glob("*.ran"))


@pytest.mark.parametrize("program", [(sys.executable, "-m", "rlvision"), PROGRAM], ids=["python -m", "sweep"])
def test_a_program_runs_none_of_them(program, traps):
    arguments = [*program, "train", "quick", "--seed=x"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        process.wait()  # its input stays open, as a sweep keeps it
        assert traps() == []
        assert "--seed to be a whole number" in process.stderr.read()


def test_a_worker_of_environments_runs_none_of_them_and_its_own_children_start_as_usual(traps, rendered, tmp_path):
    env = rendered(
        "small_worlds:SafePath", 1, num_workers=1, kwargs={"note": str(tmp_path / "note")}, height=32, width=32
    )
    env.close()
    assert traps() == []
    assert (tmp_path / "note").read_text() == "None"


def test_the_variable_is_set_only_inside_and_a_users_own_stays(monkeypatch):
    monkeypatch.delenv(SAFE_PATH, raising=False)
    with safe_path():
        assert os.environ[SAFE_PATH] == OURS
        forget_safe_path()
        assert SAFE_PATH not in os.environ
        os.environ[SAFE_PATH] = OURS
    assert SAFE_PATH not in os.environ
    monkeypatch.setenv(SAFE_PATH, "1")
    with safe_path():
        assert os.environ[SAFE_PATH] == "1"
        forget_safe_path()
    assert os.environ[SAFE_PATH] == "1"
