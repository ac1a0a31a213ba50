"""What a W&B agent would start, built by W&B's own code, means the same as the local run."""

import importlib.resources

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from rlvision.config.arguments import option_values, sort_arguments
from rlvision.config.fields import settings_of
from rlvision.config.loading import load_config, settings_for
from rlvision.sweeps.sweep_file import read_sweep
from rlvision.sweeps.trials import make_trials

SWEEPS = importlib.resources.files("rlvision.configs").joinpath("sweeps")


def agents_arguments(document, settings):
    """What follows ``train.py`` when an agent starts a run."""
    macros = create_sweep_command_args({"args": {name: {"value": value} for name, value in settings.items()}})
    words = create_sweep_command(list(document["command"]))
    expanded = [macros.get(word[2:-1], [word]) if word.startswith("${") else [word] for word in words]
    flat = [word for part in expanded for word in part]
    return flat[flat.index("${program}") + 1 :]


@pytest.mark.parametrize("name", ["quick", "pong"])
def test_an_agent_trains_what_the_local_sweep_trains(name):
    document = yaml.safe_load(SWEEPS.joinpath(f"{name}.yaml").read_text())
    for trial in make_trials(read_sweep(name), runs=None, seeds=()):
        given = sort_arguments(agents_arguments(document, trial.settings))
        settings = settings_of(settings_for(*given.positional, agent=None))
        values = option_values(given.options, settings, "rlvision train")
        assert load_config(*given.positional, values) == trial.config


def test_w_and_b_reads_the_same_numbers_as_we_do():
    for entry in SWEEPS.iterdir():
        parameters = yaml.safe_load(entry.read_text())["parameters"]
        numbers = [value for given in parameters.values() for value in (*given.get("values", ()), given.get("min", 0))]
        assert not [value for value in numbers if isinstance(value, str) and value[0].isdigit()], entry.name


def test_each_run_of_an_agent_has_a_folder_of_its_own(monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    monkeypatch.setenv("WANDB_RUN_ID", "r7")
    assert load_config("quick").out == "runs/sweep-s1/r7"
    assert load_config("quick", {"out": "mine"}).out == "mine"
    monkeypatch.delenv("WANDB_SWEEP_ID")
    assert load_config("quick").out == "runs/quick-seed1"
