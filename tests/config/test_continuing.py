"""Folders of runs: which one a run continues in, and which one is free."""

from itertools import islice
from pathlib import Path

import pytest

from rlvision.config.continuing import free_folder, numbered_folders
from rlvision.config.loading import load_config, save_config
from rlvision.core.locks import folder_lock
from rlvision.sweeps.sweep_file import read_sweep
from rlvision.sweeps.trials import make_trials


@pytest.fixture(autouse=True)
def in_empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def begin(overrides, preset="quick"):
    """A run folder, as a session begins it."""
    config = load_config(preset, overrides)
    Path(config.out).mkdir(parents=True)
    save_config(config, Path(config.out) / "config.yaml")
    return config


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("runs/a", ["runs/a-2", "runs/a-3"]),
        ("runs/a-2", ["runs/a-3", "runs/a-4"]),
        ("a-9", ["a-10", "a-11"]),
        ("runs/of-2026", ["runs/of-2026-2", "runs/of-2026-3"]),
        ("-7", ["-7-2", "-7-3"]),
    ],
)
def test_a_folder_is_numbered_after_its_name(name, following):
    assert list(islice(numbered_folders(Path(name)), 3)) == [Path(name), *map(Path, following)]


def test_a_free_folder_is_missing_or_empty():
    Path("a").mkdir()
    assert free_folder(Path("a")) == Path("a")
    Path("a/file").touch()
    Path("a-2").symlink_to("nowhere")
    Path("a-3").touch()
    assert free_folder(Path("a")) == Path("a-4")


def test_auto_numbers_runs_with_other_settings_and_finds_its_own_again():
    first = begin({"out": "auto"})
    second = begin({"out": "auto", "agent.return_lambda": 0.8})
    assert (first.out, second.out) == ("runs/quick-seed1", "runs/quick-seed1-2")
    assert load_config("quick", {"out": "auto"}).out == first.out
    assert load_config("quick", {"out": "auto", "agent.return_lambda": 0.8, "threads": 3}).out == second.out
    assert load_config("quick", {"out": "auto", "agent.epochs": 7}).out == "runs/quick-seed1-3"


def test_auto_passes_by_a_run_that_is_under_way_and_a_folder_that_is_reserved():
    with folder_lock(Path(begin({"out": "auto"}).out)):
        assert load_config("quick", {"out": "auto"}).out == "runs/quick-seed1-2"
        Path("runs/quick-seed1-2").mkdir()
        assert load_config("quick", {"out": "auto"}).out == "runs/quick-seed1-3"
    assert load_config("quick", {"out": "auto"}).out == "runs/quick-seed1"


def test_auto_passes_by_a_folder_with_something_else():
    Path("runs/quick-seed1").mkdir(parents=True)
    Path("runs/quick-seed1/config.yaml").write_text("nonsense: [")
    assert load_config("quick", {"out": "auto"}).out == "runs/quick-seed1-2"


def test_only_a_chosen_length_changes_that_of_the_run():
    whole = load_config("quick").env_steps
    assert begin({"env_steps": 500}).env_steps == 500 != whole
    assert load_config("quick").env_steps == 500
    assert load_config("quick", {"env_steps": 700}).env_steps == 700
    assert load_config("quick", {"out": "elsewhere"}).env_steps == whole
    assert load_config("quick", {"seed": 2}).env_steps == whole


def test_a_trial_of_a_sweep_has_its_own_length():
    begin({"env_steps": 500})
    sweep = read_sweep("quick")
    assert {trial.config.env_steps for trial in make_trials(sweep, runs=1, seeds=())} != {500}
