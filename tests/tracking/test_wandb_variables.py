"""W&B's own variables win over our defaults, and the user's settings over them."""

import logging
import os
from pathlib import Path

import pytest

from rlvision.tracking.settings import TrackingSettings
from rlvision.tracking.wandb import WandbTracker
from rlvision.tracking.wandb_variables import VARIABLES, describe_run
from tests.tracking.test_wandb_tracker import inspect

FOLDER = Path("runs/pong-seed1")
SET = {
    "WANDB_PROJECT": "theirs",
    "WANDB_NAME": "a name",
    "WANDB_JOB_TYPE": "debug",
    "WANDB_ENTITY": "team",
    "WANDB_RUN_GROUP": "ablation",
    "WANDB_TAGS": "x, y",
    "WANDB_NOTES": "why",
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch, tmp_path):
    for name in [*VARIABLES.values(), "WANDB_MODE", "WANDB_API_KEY"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))


def test_without_both_there_are_our_defaults():
    found = describe_run(TrackingSettings(), FOLDER)
    ours = {"project": "rlvision", "name": "pong-seed1", "job_type": "train"}
    assert {name: value for name, value in found.items() if value} == ours


def test_a_variable_wins_over_a_default_and_a_setting_over_a_variable(monkeypatch):
    for name, value in SET.items():
        monkeypatch.setenv(name, value)
    found = describe_run(TrackingSettings(), FOLDER)
    assert found == {argument: SET[name] for argument, name in VARIABLES.items()} | {"tags": ("x", "y")}
    mine = {name: f"my {name}" for name in VARIABLES} | {"tags": ("z",)}
    assert describe_run(TrackingSettings(**mine), FOLDER) == mine
    default = describe_run(TrackingSettings(project="rlvision", job_type="train"), FOLDER)
    assert (default["project"], default["job_type"]) == ("rlvision", "train")


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", " ")
    monkeypatch.setenv("WANDB_TAGS", " , ")
    found = describe_run(TrackingSettings(), FOLDER)
    assert (found["project"], found["tags"]) == ("rlvision", None)


@pytest.mark.parametrize(("mode", "makes_files"), [("OFFLINE", True), ("Disabled", False), (" DryRun ", True)])
def test_the_mode_counts_in_any_case(monkeypatch, tmp_path, caplog, mode, makes_files):
    monkeypatch.setenv("WANDB_MODE", mode)
    for name, value in SET.items():
        monkeypatch.setenv(name, value)
    tracker = WandbTracker("auto", tmp_path, {}, describe_run(TrackingSettings(), tmp_path))
    tracker.log({"loss/td": 1.0}, 1)
    tracker.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert os.environ["WANDB_MODE"] == mode.strip().lower()
    assert bool([*tmp_path.glob("wandb/offline-run-*")]) == makes_files
    if makes_files:
        (run,) = (record["run"] for record in inspect(tmp_path) if record["type"] == "run")
        assert (run["project"], run["display_name"], run["job_type"]) == ("theirs", "a name", "debug")
        assert run["tags"] == ["x", "y"]
