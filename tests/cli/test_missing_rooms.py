"""Rooms that an installation may come without: training goes on, and a command that needs one says so in a line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rlvision.cli import main as cli
from rlvision.runs import training

PACKAGE = Path(__file__).parents[2] / "rlvision"
HELP_SCREENS = ("--help", "train quick --help", "evaluate --help", "watch --help", "compare --help", "sweep --help")
TINY = (
    "train cartpole-dqn --env-steps=120 --replay.learning-starts=64 --evaluation.games=1 --wandb=disabled --device=cpu"
)
PROGRAM = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "")]
from rlvision.cli.main import main
sys.exit(max(main(line.split()) for line in sys.argv[1:]))
"""
"""Runs command lines; only the package in the working directory is found, however this one was installed."""


@pytest.fixture
def without(tmp_path):
    """Runs command lines of a copy of the package that lacks a room."""

    def run(room: str, *lines: str) -> subprocess.CompletedProcess[str]:
        copy = tmp_path / "rlvision"
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.rmtree(copy / room)
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PROGRAM, *lines]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("room", ["analysis", "sweeps"])
def test_training_does_without_the_room(room, without, tmp_path):
    done = without(room, f"{TINY} --out=run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "all 120 env steps are done" in done.stdout
    assert len(list((tmp_path / "run" / "checkpoints").glob("*.ckpt"))) >= 1


@pytest.mark.parametrize("room", ["analysis", "sweeps", "watch", "features"])
def test_every_help_screen_does_without_the_room(room, without):
    done = without(room, *HELP_SCREENS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("usage: rlvision ") == len(HELP_SCREENS)


@pytest.mark.parametrize(
    ("room", "command"),
    [
        ("analysis", "compare pong"),
        ("analysis", "plot pong"),
        ("sweeps", "sweep quick"),
        ("watch", "watch pong --video=a.mp4"),
        ("watch", "replay pong --episode=best --video=a.mp4"),
    ],
)
def test_a_command_names_the_room_that_it_needs(room, command, without, tmp_path):
    done = without(room, command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"rlvision: expected the package rlvision.{room}, got an installation without it: "
        "install all of rlvision to use this command\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["rlvision"]


def test_a_missing_library_is_not_taken_for_a_room(monkeypatch):
    def fail(*_, **__):
        raise ModuleNotFoundError("No module named 'wandb'", name="wandb")

    monkeypatch.setattr(training, "resume", fail)
    with pytest.raises(ModuleNotFoundError, match="wandb"):
        cli.main(["resume", "a"])
