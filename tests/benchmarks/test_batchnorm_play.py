"""Play with running statistics and with statistics measured anew: these are another network's, those are left alone."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import batchnorm_play

    return batchnorm_play


@pytest.fixture
def agent():
    from rlvision.run import Run

    return Run("pong-fast", device="cpu")


def test_statistics_are_those_of_the_agents_own_games(script, agent):
    from study.observing import observe

    encoder, before = agent.network.encoder, agent.q_values(np.zeros((1, 4, 77, 77), dtype=np.uint8))
    seen = torch.from_numpy(observe(agent, 256, seed=1, random_actions=agent.config.evaluation.epsilon))
    script.measure_anew(agent, 256, seed=1)
    with torch.no_grad():
        maps = encoder.conv1(seen / 255)
    torch.testing.assert_close(encoder.bn1.running_mean, maps.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4)
    assert not np.array_equal(agent.q_values(np.zeros((1, 4, 77, 77), dtype=np.uint8)), before), "it plays by them"


def test_scores_of_each_round_are_written(script, monkeypatch, capsys, tmp_path):
    out = tmp_path / "play.json"
    played = []

    class Played:
        scores, median, mean, interval = [1.0, 2.0], 1.5, 1.5, (1.0, 2.0)

    monkeypatch.setattr("rlvision.run.Run.evaluate", lambda self, games, seed: played.append((games, seed)) or Played())
    arguments = ["--agent=pong-fast", "--rounds=1", "--games=2", "--observations=64", f"--json={out}"]
    monkeypatch.setattr(sys, "argv", ["batchnorm_play.py", *arguments])
    script.main()
    assert json.loads(out.read_text())["scores"] == {"running": [1.0, 2.0], "measured anew, 1": [1.0, 2.0]}
    assert played == [(2, 0), (2, 0)]
    assert "1.00 to 2.00" in capsys.readouterr().out


def test_an_agent_without_statistics_is_refused(script, monkeypatch):
    monkeypatch.setattr(script, "statistics_layers", lambda network: [])
    with pytest.raises(SystemExit, match="expected an agent with running statistics, got renorm"):
        script.load(script.Options(agent="pong-fast"))


def test_what_is_no_agent_is_one_line(script, tmp_path):
    with pytest.raises(SystemExit, match="nothing-here"):
        script.load(script.Options(agent=str(tmp_path / "nothing-here")))
