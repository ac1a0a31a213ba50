"""The fit to known values: what counts as explained, that every arm is asked the same, that one can learn it."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from rlvision.config.fields import assemble

AGENT = str(Path(__file__).parents[2] / "studies/batchnorm/agents/pong-fast-seed2")


@pytest.fixture
def script():
    from studies.batchnorm import fit

    return fit


@pytest.fixture
def agent():
    from rlvision.runs.run import Run

    return Run(AGENT, device="cpu")


def test_the_agent_explains_itself_and_a_constant_nothing(script, agent):
    from rlvision.nn.target_network import OnlineTargetActor

    test = script.known(agent, 64, seed=3)
    networks = OnlineTargetActor(agent.network)
    assert script.unexplained(networks, test) < 1e-4
    with torch.no_grad():
        networks.online.head.q.weight.zero_()
    assert script.unexplained(networks, test) == pytest.approx(1, abs=0.3)  # but for the constants of the actions


def test_games_are_those_of_the_seed(script, agent):
    one, again, other = (script.known(agent, 20, seed) for seed in (3, 3, 4))
    assert one.observations.shape == (20, 4, 77, 77)
    assert torch.equal(one.observations, again.observations)
    assert not torch.equal(one.observations, other.observations)


def test_the_momentum_is_the_arms_whatever_the_agent_was_trained_with(script, agent):
    trained = assemble(agent.config, {"network.norm": "running", "network.momentum": 0.5})
    arms = script.configs(script.Options(arms=("running", "running, momentum 0.9")), trained)
    assert [config.network.momentum for config in arms.values()] == [0.1, 0.9]


def test_every_arm_begins_with_the_same_weights_and_learns(script, agent):
    train = script.known(agent, 64, seed=3)
    arms = script.configs(script.Options(arms=("renorm", "fixed", "renorm, learning rate / 3")), agent.config)
    assert [(c.network.norm, c.optimiser.learning_rate) for c in arms.values()] == [
        ("renorm", 5e-4),
        ("fixed", 5e-4),
        ("renorm", 1.67e-4),
    ]
    first = [next(script.fit(config, agent, train, 1)).online.encoder.conv1.weight for config in arms.values()]
    assert (first[0] - first[1]).abs().max() <= 2.1 * 5e-4  # one step of Adam either way
    *_, last = script.fit(arms["fixed"], agent, train, 60)
    assert script.unexplained(last, train) < 0.7


def test_the_numbers_are_written(script, monkeypatch, capsys, tmp_path):
    out = tmp_path / "fit.json"
    arguments = ["--arms", "none", "--updates=2", "--observations=64", f"--json={out}"]
    monkeypatch.setattr(sys, "argv", ["fit.py", *arguments])
    script.main()
    written = json.loads(out.read_text())
    assert f"{written['unexplained']['none']['2']:.3f}" in capsys.readouterr().out
    assert written["settings"]["agent"] == AGENT


def test_unknown_arms_are_refused(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fit.py", "--arms", "magic"])
    with pytest.raises(SystemExit, match=r"expected arms out of renorm, .*, got magic"):
        script.main()


def test_what_is_no_agent_is_one_line(script, tmp_path):
    with pytest.raises(SystemExit, match="nothing-here"):
        script.load(str(tmp_path / "nothing-here"))


def test_an_agent_of_another_network_is_refused(script, monkeypatch, agent):
    nature = replace(agent.config, network=replace(agent.config.network, encoder="nature"))
    monkeypatch.setattr(script, "Run", lambda *_, **__: SimpleNamespace(config=nature))
    with pytest.raises(SystemExit, match=r"expected an agent of DN, .*, got nature"):
        script.load("anything")


def test_the_last_update_is_a_milestone(script):
    assert script.milestones(2_000) == [100, 250, 500, 1_000, 2_000]
    assert script.milestones(7) == [7]
