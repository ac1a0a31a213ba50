"""A world may change its process: it finds its changes again, and nothing else does."""

import locale
import logging
import os
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

from rlvision.envs.process_state import GuardedWorld, ProcessState

CHANGES = {
    "directory": (lambda: str(Path.cwd()), lambda: os.chdir("/")),
    "numpy": (np.geterr, lambda: np.seterr(all="raise")),
    "dtype": (torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
    "gradients": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
    "threads": (torch.get_num_threads, lambda: torch.set_num_threads(torch.get_num_threads() + 1)),
    "warnings": (lambda: list(warnings.filters), lambda: warnings.simplefilter("ignore")),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8")),
    "logging": (lambda: (logging.root.level, *logging.root.handlers), lambda: logging.basicConfig(level=1, force=True)),
    "Ctrl-C": (lambda: signal.getsignal(signal.SIGINT), lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)),
    "SIGTERM": (lambda: signal.getsignal(signal.SIGTERM), lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)),
}
NOT_FOUND_AGAIN = ("threads", "warnings", "logging", "Ctrl-C", "SIGTERM")


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_world_changes_is_put_back_and_found_again(name):
    read, change = CHANGES[name]
    state, before = ProcessState(), read()
    with state.inside():
        change()
        its_own = read()
    assert its_own != before
    assert read() == before
    with state.inside():
        assert read() == (before if name in NOT_FOUND_AGAIN else its_own)
    assert read() == before


def test_an_error_puts_it_back_too(tmp_path):
    before, state = str(Path.cwd()), ProcessState()

    def fail():
        os.chdir(tmp_path)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), state.inside():
        fail()
    assert str(Path.cwd()) == before


def test_a_change_that_the_world_takes_back_is_forgotten(tmp_path):
    before, state = str(Path.cwd()), ProcessState()
    for place in (tmp_path, before):
        with state.inside():
            os.chdir(place)
    with state.inside():
        assert str(Path.cwd()) == before


def test_a_directory_that_is_gone_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gone = tmp_path / "gone"
    gone.mkdir()
    state = ProcessState()
    with state.inside():
        os.chdir(gone)
    gone.rmdir()
    with state.inside():
        pass
    assert str(Path.cwd()) == str(tmp_path)


@pytest.mark.parametrize("call", ["reset", "step", "render", "close"])
def test_every_call_is_guarded(call):
    from open_worlds import Striped

    class Rude(Striped):
        observation_space = Box(0, 255, (30, 28, 3), np.uint8)

        def reset(self, *, seed=None, options=None):
            return self.rude(super().reset(seed=seed))

        def step(self, action):
            return self.rude(super().step(action))

        def render(self):
            return self.rude(None)

        def close(self):
            self.rude(None)

        def rude(self, result):
            torch.set_default_dtype(torch.float64)
            return result

    world = Rude()
    world.count = 0
    guarded = GuardedWorld(world, ProcessState())
    getattr(guarded, call)(*([0] if call == "step" else []))
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("when", ["import", "made"])
def test_a_world_that_moves_finds_its_files_and_moves_nobody_else(when, tmp_path, monkeypatch, rendered):
    before = str(Path.cwd())
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "level.txt").write_text("1")
    move = f"os.chdir({str(tmp_path)!r})"
    (tmp_path / f"moving_{when}.py").write_text(
        f"import os\nfrom pathlib import Path\nfrom open_worlds import Striped\n{move if when == 'import' else ''}\n"
        f"class Moving(Striped):\n    def __init__(self):\n        {move if when == 'made' else ''}\n        pass\n"
        "    def pay(self):\n        return float(Path('level.txt').read_text())\n"
    )
    env = rendered(f"moving_{when}:Moving", 1)
    assert str(Path.cwd()) == before
    env.reset(0)
    assert env.step(np.zeros(1, np.int64)).reward == 1
    assert str(Path.cwd()) == before
    env.close()
