"""The benchmark of the agents trains each of them and reports its speed."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def agent_speed(monkeypatch):
    """The script, as a module; its neighbours are found as when it is run."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in ("agent_speed", "contenders.rlvision_dqn"):
        sys.modules.pop(name, None)
    import agent_speed

    yield agent_speed
    sys.modules.pop("agent_speed", None)


def test_agents_take_turns_and_are_compared_with_the_first(agent_speed, tmp_path, monkeypatch, capsys):
    numbers = tmp_path / "numbers.json"
    monkeypatch.setattr(
        sys,
        "argv",
        ["agent_speed.py", "--preset=quick", "--rounds=2", "--seconds=0.01", "--num-envs=4", f"--json={numbers}"],
    )
    agent_speed.main()
    report = json.loads(numbers.read_text())
    assert list(report["agents"]) == ["dqn", "pqn"]
    assert [len(one["rates"]) for one in report["agents"].values()] == [2, 2]
    pqn = report["agents"]["pqn"]
    first, second = (a / b for a, b in zip(pqn["rates"], report["agents"]["dqn"]["rates"], strict=True))
    assert (pqn["smallest"], pqn["largest"]) == (min(first, second), max(first, second))
    assert report["agents"]["dqn"]["ratio"] == 1
    assert [one["num_envs"] for one in report["agents"].values()] == [4, 4]
    assert "env steps/s" in capsys.readouterr().out
