"""An agent in a file of one's own does all that the built-in ones do, and nothing in the project names it."""

import json
import subprocess
import sys

import pytest
import torch
import yaml

from rlvision.cli.main import main
from rlvision.config.loading import load_config
from rlvision.core.errors import ConfigError
from rlvision.runs.checkpoint import read_state
from rlvision.runs.run import Run
from rlvision.runs.training import resume, train
from tests.conftest import COUNTING, DQN, SMALL

OWN = {"agent__name": "own_agents:Online"}
SETTINGS = {**OWN, "agent__step_size": 0.25, "agent__stickiness": 0.75}


def small(out, **settings):
    """A run in ``out`` without the settings of DQN; settings by dotted name with ``__`` for the dot."""
    shared = {name: value for name, value in {**SMALL, **COUNTING}.items() if not name.startswith("agent.")}
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return load_config(DQN, {**shared, "out": str(out), **named})


def test_it_trains_by_its_own_memory_policy_and_learner(tmp_path, watched, metrics):
    session = watched.train(small(tmp_path, **SETTINGS))
    agent = session._agent
    assert type(agent.memory).__name__ == "LastStep"
    assert agent.learner.updates == len(agent.memory.told) > 60
    assert all(len(index) == len(priority) for index, priority in agent.memory.told)
    rows = metrics(tmp_path)
    assert {row["policy/stickiness"] for row in rows if "policy/stickiness" in row} == {0.75}
    assert {row["optimiser/learning_rate"] for row in rows if "optimiser/learning_rate" in row} == {0.25}


def test_a_continued_run_of_it_equals_the_undisturbed_one(
    tmp_path, monkeypatch, watched, differences, everything, stop_at
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", **SETTINGS)))
    for env_steps in (33, 107):
        stop_at(monkeypatch, env_steps)
        watched.train(small(tmp_path / "continued", **SETTINGS))
    assert differences(undisturbed, everything(watched.train(small(tmp_path / "continued", **SETTINGS)))) == []


def test_its_settings_are_checked_kept_and_compared(tmp_path):
    with pytest.raises(ConfigError, match=r"agent\.step_size in the overrides to be a number"):
        small(tmp_path, **OWN, agent__step_size="large")
    with pytest.raises(ConfigError, match=r"expected a setting in the overrides, got 'agent\.pace'"):
        small(tmp_path, **OWN, agent__pace=True)
    assert small(tmp_path, **OWN, agent__double=True) == small(tmp_path, **OWN), "it is another agent's"
    train(small(tmp_path, **SETTINGS, env_steps=40))
    stored = yaml.safe_load((tmp_path / "config.yaml").read_text())["agent"]
    assert stored == {"name": "own_agents:Online", "step_size": 0.25, "discount": 0.9, "stickiness": 0.75}
    with pytest.raises(ConfigError, match=r"agent\.step_size was 0\.25, is 0\.5"):
        train(small(tmp_path, **{**SETTINGS, "agent__step_size": 0.5}, env_steps=40))


def test_its_help_shows_its_settings_and_those_of_no_other(capsys):
    assert main(["train", "cartpole-dqn", "--agent.name=own_agents:Online", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--agent.step-size FLOAT" in shown
    assert "Probability that an action is that of the step" in shown
    assert "--agent.double" not in shown
    assert main(["train", "cartpole-dqn", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--agent.double" in shown
    assert "--agent.step-size" not in shown
    assert "--agent.quantiles" not in shown


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "run"
    train(small(folder, **SETTINGS, tracking__video_every=1, tracking__video_steps=8))
    return folder


@pytest.mark.parametrize("command", ["evaluate", "watch", "export", "resume", "replay --episode=best"])
def test_a_folder_that_names_one_is_imported_only_where_it_is_trusted(trained, capsys, command):
    name, *options = command.split()
    if name in ("watch", "replay"):
        options.append(f"--html={trained / name}.html")
    if name == "export":
        options.append(f"--out={trained.parent / 'refused'}")
    assert main([name, str(trained), *options]) == 2
    assert "agent.name=own_agents:Online" in capsys.readouterr().err
    assert not (trained.parent / "refused").exists()
    if name != "export":
        assert main([name, str(trained), *options, "--trust-imports"]) == 0


@pytest.mark.parametrize(("command", "status"), [("evaluate", 2), ("compare", 0)])
def test_nobody_imports_it_where_it_is_refused_or_only_compared(trained, own_code, command, status):
    code = f"""
import sys
from pathlib import Path
from rlvision.cli.main import main
from rlvision.cli.output import next_commands
assert main([{command!r}, {str(trained)!r}]) == {status}
assert "--trust-imports" in next_commands(Path({str(trained)!r}))
assert "own_agents" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=own_code, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_export_holds_what_it_needs_to_play(trained, tmp_path):
    run = Run(trained, trust_imports=True)
    run.export(tmp_path / "export", games=0)
    stored = json.loads((tmp_path / "export" / "export.json").read_text())
    assert stored["agent"]["name"] == "own_agents:Online"
    with pytest.raises(ConfigError, match=r"agent\.name=own_agents:Online"):
        Run(tmp_path / "export")
    exported = Run(tmp_path / "export", trust_imports=True)
    observation = torch.randint(256, (3, 2, 32, 32), dtype=torch.uint8).numpy()
    assert (exported.q_values(observation) == run.q_values(observation)).all()
    assert exported.evaluate(games=2).scores == run.evaluate(games=2).scores


def test_its_weights_are_those_that_it_learned(trained):
    best = read_state(trained / "checkpoints" / "best.ckpt")
    assert list(best["online"]) == ["head.weight"]
    assert resume(trained, trust_imports=True).network.state_dict()["head.weight"].shape == (4, 4)


def test_a_sweep_trains_it(tmp_path, monkeypatch, own_code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_agents.py").write_text((own_code / "own_agents.py").read_text())
    sweep = {
        "program": "train.py",
        "method": "grid",
        "metric": {"name": "evaluate/mean", "goal": "maximize"},
        "parameters": {"agent.step_size": {"values": [0.1, 0.2]}, "env_steps": {"value": 60}},
        "command": ["${env}", "${interpreter}", "${program}", "mine.yaml", "${args}"],
    }
    config = small(tmp_path / "unused", **SETTINGS)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(_preset(config)))
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    assert main(["sweep", "sweep.yaml", "--out=swept", "--threads=1", "--processes=2"]) == 0
    runs = [path.parent for path in (tmp_path / "swept").glob("*/config.yaml")]
    assert sorted(yaml.safe_load((run / "config.yaml").read_text())["agent"]["step_size"] for run in runs) == [0.1, 0.2]


def _preset(config):
    from rlvision.config.fields import flatten, nest

    values = {name: list(value) if isinstance(value, tuple) else value for name, value in flatten(config).items()}
    return nest({name: value for name, value in values.items() if name != "out"})
