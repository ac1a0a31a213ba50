"""Dead units: those that no state makes respond, and a network that is dead has one value for all."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rlvision.runs.run import Run

AGENT = str(Path(__file__).parents[2] / "studies/batchnorm/agents/pong-fast-seed2")


@pytest.fixture
def script():
    from studies.batchnorm import dead_units

    return dead_units


def test_units_that_no_state_reaches_are_dead(script):
    run = Run(AGENT, device="cpu")
    observations = np.random.default_rng(0).integers(256, size=(6, *run.spec.observation_shape), dtype=np.uint8)
    alive = script.look(run, observations)
    assert list(alive.dead) == ["low", "mid", "high"]
    assert alive.dead["low"] < 1
    assert alive.value_spread > 0
    with torch.no_grad():
        run.network.encoder.bn2.weight[8:] = 0
        run.network.encoder.bn2.bias[8:] = -1  # of 32
    partly = script.look(run, observations)
    assert partly.dead["low"] == alive.dead["low"]
    assert partly.dead["mid"] >= 0.75
    with torch.no_grad():
        run.network.encoder.bn2.weight.zero_()
        run.network.encoder.bn2.bias.fill_(-1)
    dead = script.look(run, observations)
    assert dead.dead["mid"] == 1
    assert dead.value_spread == pytest.approx(0, abs=1e-6)


def test_the_numbers_are_written(script, monkeypatch, capsys, tmp_path):
    out = tmp_path / "dead.json"
    monkeypatch.setattr(sys, "argv", ["dead_units.py", "--runs", AGENT, "--observations=8", f"--json={out}"])
    script.main()
    (found,) = json.loads(out.read_text())["agents"].values()
    assert f"{found['value_spread']:.3f}" in capsys.readouterr().out
    assert set(found["dead"]) == {"low", "mid", "high"}


def test_what_is_no_run_is_named(script, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["dead_units.py", "--runs", str(tmp_path / "nothing-here")])
    with pytest.raises(SystemExit, match="nothing-here"):
        script.main()
