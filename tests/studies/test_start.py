"""The features of new networks: what differs between states, against numbers worked out by hand."""

import json
import sys

import pytest
import torch


@pytest.fixture
def script():
    from studies.batchnorm import start

    return start


def test_the_share_is_the_variance_over_states_by_the_mean_square(script):
    features = torch.tensor([[1.0, 2.0], [3.0, 2.0]])  # variances 1 and 0, squares 1, 9, 4, 4
    assert script.differing_share(features) == pytest.approx(0.5 / 4.5)
    assert script.differing_share(torch.ones(3, 2)) == 0


def test_batchnorm_lets_more_differ_than_layernorm_and_the_numbers_are_written(script, monkeypatch, capsys, tmp_path):
    out = tmp_path / "start.json"
    monkeypatch.setattr(sys, "argv", ["start.py", "--arms", "layer", "fixed", "--observations=64", f"--json={out}"])
    script.main()
    found = json.loads(out.read_text())["arms"]
    assert found["fixed"] > 5 * found["layer"] > 0
    assert f"{found['fixed']:.2%}" in capsys.readouterr().out


def test_an_unknown_arm_is_refused(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["start.py", "--arms", "layr"])
    with pytest.raises(SystemExit, match=r"expected arms out of .*layer.*, got layr"):
        script.main()
