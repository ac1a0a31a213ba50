"""One signal at any time ends a run well, two end it at once; nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlvision.cli import main as cli
from rlvision.config.loading import save_config
from rlvision.core.signals import ExitNow, interruption
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.replay.buffer import ReplayBuffer
from rlvision.runs.training import train
from rlvision.tracking.trackers import MultiTracker
from rlvision.training.collector import Collector

SAID = "interrupted by SIGTERM; the same command continues"
WHILE_IT_IMPORTS = """
import os, signal, sys

class Terminating:
    def find_spec(self, name, *_):
        if name == sys.argv[2]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGTERM)

from rlvision.cli.main import main
sys.meta_path.insert(0, Terminating())
sys.exit(main(["train", sys.argv[1]]))
"""


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("module", ["rlvision.runs.training", pytest.param("torch", marks=pytest.mark.slow)])
def test_a_signal_while_it_imports_ends_well_before_the_first_step(
    tmp_path, watched, differences, everything, small, run_program, module
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed")))
    config = small(tmp_path / "run")
    save_config(config, tmp_path / "run.yaml")
    command = ["-c", WHILE_IT_IMPORTS, str(tmp_path / "run.yaml"), module]
    if module == "torch":
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    else:
        done = run_program(command, tmp_path, {**os.environ})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("interrupted") == 1
    assert SAID in done.stdout
    assert [int(path.stem) for path in (tmp_path / "run" / "checkpoints").glob("*.ckpt")] == [0]
    assert differences(undisturbed, everything(watched.train(config))) == []


@pytest.mark.parametrize(("owner", "name"), [(ReplayBuffer, "load_rows"), (GymnasiumEnv, "_replay")])
def test_a_signal_while_a_run_is_brought_back_leaves_at_once_and_changes_nothing(
    tmp_path, monkeypatch, watched, capsys, owner, name, differences, everything, small, stop_at
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed")))
    config = small(tmp_path / "run")
    stop_at(monkeypatch, 110)
    watched.train(config)
    before, method, handler = content(tmp_path / "run"), getattr(owner, name), signal.getsignal(signal.SIGTERM)

    def interrupted(*args):
        signal.raise_signal(signal.SIGTERM)
        return method(*args)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        capsys.readouterr()
        assert cli.main(["resume", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.count(SAID) == 1
    assert watched.collector.env_steps == 0
    assert content(tmp_path / "run") == before
    assert signal.getsignal(signal.SIGTERM) is handler
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_a_second_ctrl_c_stops_at_once_and_costs_only_what_was_not_saved(
    tmp_path, monkeypatch, watched, differences, everything, small
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed")))
    config, recv = small(tmp_path / "run"), Collector.recv

    def impatient(self: Collector) -> object:
        if self.env_steps == 110:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return recv(self)

    with monkeypatch.context() as patch:
        patch.setattr(Collector, "recv", impatient)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert watched.sessions[-1]._folder.checkpoints.paths()[-1].stem.endswith("080")
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_a_second_ctrl_c_while_a_run_is_brought_back_has_the_status_of_an_interruption(
    tmp_path, monkeypatch, watched, small
):
    watched.train(small(tmp_path, env_steps=40))

    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ReplayBuffer, "load_rows", interrupted)
    monkeypatch.setattr(MultiTracker, "close", interrupted)  # on the way out
    assert cli.main(["resume", str(tmp_path), "--env-steps=80"]) == 130


# The words


TERMINATED = """
import signal, sys
from rlvision.config.loading import load_config
from rlvision.runs.training import train
from rlvision.training.callbacks import Callback

class Terminate(Callback):
    def on_step(self, run, step):
        if run.env_steps == 20:
            signal.raise_signal(signal.SIGTERM)

if len(sys.argv) > 2:
    signal.signal(signal.SIGTERM, lambda *_: print("noted"))
train(load_config(sys.argv[1]), callbacks=[Terminate()])
print("goes on")
"""


@pytest.mark.parametrize(("more", "status", "end"), [([], 143, ""), (["own"], 0, "noted\ngoes on\n")])
def test_sigterm_ends_a_program_after_the_run_is_saved_unless_it_has_a_handler(
    tmp_path, small, run_program, more, status, end
):
    save_config(small(tmp_path / "run"), tmp_path / "run.yaml")
    ended = run_program(["-c", TERMINATED, str(tmp_path / "run.yaml"), *more], tmp_path, {**os.environ})
    assert (ended.returncode, ended.stdout.count(SAID)) == (status, 1)
    assert ended.stdout.endswith(end)
    assert ("goes on" in ended.stdout) == bool(more)
    assert (tmp_path / "run" / "checkpoints" / "000000000020.ckpt").exists()


def test_signals_are_words_only_for_as_long_as_they_are_asked_for():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interruption() as interrupted:
        assert interrupted() is None
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert interrupted() == SAID
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_within_an_interruption_another_hears_the_same_and_leaves_the_handlers():
    with interruption() as outer:
        with interruption() as inner:
            signal.raise_signal(signal.SIGTERM)
            assert inner() == SAID
        signal.raise_signal(signal.SIGTERM)  # would end this process
        assert outer() == SAID
    with interruption() as later:
        assert later() is None


def test_where_nothing_is_lost_a_signal_is_an_exit_and_one_that_came_before_too():
    with interruption() as signals:
        with pytest.raises(ExitNow, match="SIGTERM"), signals.exit_at_once():
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(ExitNow, match="SIGTERM"), signals.exit_at_once():
            pytest.fail("is not entered")
        signal.raise_signal(signal.SIGTERM)  # outside it is a word again
