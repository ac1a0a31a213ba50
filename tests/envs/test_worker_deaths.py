"""A worker that dies while it is made: the cause is named, and a missing main guard."""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from rlvision.core.errors import EnvError


def kill_workers():
    """All of them, by hand."""
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)
        process.join()


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("kill", r"SIGKILL, by hand or for want of memory"),
        ("leave", r"exit code 7; its own words, if any, are above"),
        ("abort", r"SIGABRT; its own words, if any, are above"),
    ],
)
def test_a_worker_that_dies_while_it_is_made_names_the_cause(how, cause, rendered, capfd):
    words = (
        rf"environment 0 of faulty_worlds:Unborn to work, got the death of its process \({cause}\) while it was made"
    )
    with pytest.raises(EnvError, match=words):
        rendered("faulty_worlds:Unborn", 1, kwargs={"how": how}, num_workers=1)
    assert not multiprocessing.active_children()
    assert ("in __init__" in capfd.readouterr().err) == (how == "abort"), "a crash of the interpreter names the line"


def test_a_program_without_stderr_has_workers(tmp_path):
    """The number of a closed stderr may be a file's by then, so nothing is written there."""
    program = tmp_path / "closed.py"
    program.write_text(
        "from rlvision.envs.factory import make\nfrom rlvision.envs.settings import EnvSettings\n"
        "if __name__ == '__main__':\n    env = make(EnvSettings(game='CartPole-v1', num_workers=1), 1)\n"
        "    print(env.reset(0).shape)\n    env.close()\n"
    )
    command = ["sh", "-c", '"$0" "$1" 2>&-', sys.executable, str(program)]
    assert subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.startswith("(1, 4, ")


def test_a_worker_whose_second_life_fails_counts_as_a_failure(caplog, tmp_path, play, rendered):
    """It is tried again as often as any other failure, and the last error has the cause."""
    kwargs = {"how": "leave", "after": str(tmp_path / "once")}
    env = rendered("faulty_worlds:Unborn", 1, kwargs=kwargs, num_workers=1, max_restarts=1)
    env.reset(0)
    kill_workers()
    with pytest.raises(EnvError, match=r"exit code 7.* while it was made.*, 2 times within 1,000 steps"):
        play(env, 1)
    env.close()


@pytest.mark.parametrize("late", [False, True])
def test_a_program_without_a_main_guard_is_told_of_it(tmp_path, late):
    """Its worker runs it again, and would train there; the program itself is told what to do, once."""
    program = tmp_path / "unguarded.py"
    settings = "EnvSettings(game='CartPole-v1', num_workers=1)"
    program.write_text(
        "from rlvision.envs.gymnasium_env import GymnasiumEnv\nfrom rlvision.envs.settings import EnvSettings\n"
        f"if {late}:\n    import multiprocessing\n    assert not multiprocessing.parent_process()\n"
        f"GymnasiumEnv({settings}, 1)\n"
    )
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    last = ran.stderr.splitlines()[-1]
    assert "put what it runs under if __name__ == '__main__':" in last
    assert late or (
        ran.stderr.count("Traceback") == 1 and "expected a program that a worker process can import" in last
    )
