"""Commands that are started together with --out=auto get folders of their own, and a refused one leaves nothing."""

import os
from functools import partial
from pathlib import Path

import pytest

from rlvision.cli import main as cli
from rlvision.config.loading import load_config
from rlvision.core.errors import ConfigError
from rlvision.runs import training
from rlvision.runs.reservation import reserved

LOAD = partial(load_config, "quick", {"out": "auto"})


@pytest.fixture(autouse=True)
def in_empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_two_commands_get_two_folders_and_leave_nothing_that_is_empty():
    with reserved(LOAD, is_auto=True) as one, reserved(LOAD, is_auto=True) as other:
        assert (one.out, other.out) == ("runs/quick-seed1", "runs/quick-seed1-2")
        assert Path(other.out).is_dir()
        Path(other.out, "config.yaml").touch()
    assert [str(path) for path in Path().rglob("*")] == ["runs", other.out, f"{other.out}/config.yaml"]


def test_who_is_slower_chooses_again(monkeypatch):
    make, tried = Path.mkdir, []

    def make_later(folder, *how, **named):
        tried.append(str(folder))
        if len(tried) == 1:
            os.makedirs(folder)  # noqa: PTH103 - by the other command
        make(folder, *how, **named)

    monkeypatch.setattr(Path, "mkdir", make_later)
    with reserved(LOAD, is_auto=True) as config:
        assert config.out == "runs/quick-seed1-2"
    assert tried == ["runs/quick-seed1", "runs/quick-seed1-2"]


def test_a_folder_that_is_named_is_not_created():
    with reserved(partial(load_config, "quick", {"out": "a"}), is_auto=False) as config:
        assert config.out == "a"
        assert not Path("a").exists()


def test_a_folder_that_cannot_be_created_is_left_to_training():
    Path("runs").touch()
    with reserved(partial(load_config, "quick", {"out": "runs/a"}), is_auto=True) as config:
        assert config.out == "runs/a"


def test_a_program_reserves_its_folder_too(monkeypatch):
    seen = []

    def refuse(config, *_):
        seen.append((config.out, Path(config.out).is_dir()))
        raise ConfigError("expected memory, got none: buy some")

    monkeypatch.setattr(training, "estimate_memory", refuse)
    for settings, changes in (({"out": "auto"}, {}), ({}, {"out": "auto"})):
        with pytest.raises(ConfigError, match="buy some"):
            training.train("quick", settings, **changes)
    assert seen == [("runs/quick-seed1", True)] * 2
    assert not Path("runs").exists()


def test_a_refused_command_leaves_nothing(monkeypatch, capsys):
    seen = []

    def refuse(config):
        seen.append(Path(config.out).is_dir())
        raise ConfigError("expected memory, got none: buy some")

    monkeypatch.setattr(training, "train", refuse)
    assert cli.main(["train", "quick", "--out=auto"]) == 2
    assert seen == [True]
    assert list(Path.cwd().iterdir()) == []
    capsys.readouterr()
