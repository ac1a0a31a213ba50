"""Play with running statistics and with statistics measured on the replay: these are the replay's, those the run's."""

import json
import sys
from itertools import islice

import numpy as np
import pytest
import torch

from rlvision.config.loading import load_config
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.training import train
from tests.conftest import DQN


@pytest.fixture
def script():
    from studies.batchnorm import play

    return play


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A short run of plain BatchNorm."""
    out = tmp_path_factory.mktemp("play") / "run"
    settings = {"env_steps": 1_600, "replay.learning_starts": 800, "evaluate_every": 0, "wandb": "disabled"}
    train(load_config(DQN, {**settings, "network.norm": "running", "out": str(out)}))
    return out


def test_statistics_are_those_of_the_replay(script, short):
    run = script.load(short)
    encoder, blank = run.network.encoder, np.zeros((1, *run.spec.observation_shape), dtype=np.uint8)
    before = run.q_values(blank)
    observations = list(islice(script.replayed(run), 40))
    script.recalibrate(run.network, map(script.to_channels_last_float, observations))
    with torch.no_grad():
        maps = encoder.conv1(torch.cat(observations) / 255)
    torch.testing.assert_close(encoder.bn1.running_mean, maps.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4)
    assert not np.array_equal(run.q_values(blank), before), "it plays by them"


def test_the_running_statistics_come_first_and_every_draw_is_another(script, short, monkeypatch, tmp_path, capsys):
    out, played = tmp_path / "play.json", []

    class Played:
        scores, median, mean, interval = [1.0, 2.0], 1.5, 1.5, (1.0, 2.0)

    def play(run, games, seed):
        played.append(run.network.encoder.bn1.running_mean.tolist())
        assert (games, seed) == (2, 5)
        return Played()

    monkeypatch.setattr("rlvision.runs.run.Run.evaluate", play)
    arguments = [f"--run={short}", "--games=2", "--seed=5", "--states=1", "--batches", "2", "2", f"--json={out}"]
    monkeypatch.setattr(sys, "argv", ["play.py", *arguments])
    script.main()
    rows = json.loads(out.read_text())["statistics"]
    assert list(rows) == ["running", "of 2 batches, draw 1", "of 2 batches, draw 2"]
    running, first, second = rows.values()
    assert running["scores"] == first["scores"] == second["scores"] == [1.0, 2.0]
    assert first["shift"] == first["gap"] == first["disagree"] == 0
    assert min(row[what] for row in (second, running) for what in ("shift", "gap")) > 0
    assert "1.0 to 2.0" in capsys.readouterr().out
    assert played[0] == script.load(short).network.encoder.bn1.running_mean.tolist()
    assert played[1] != played[0] != played[2] != played[1]


def test_a_shift_is_in_standard_deviations_of_the_worst_layer(script):
    def played(*means):
        return script.Played(
            "", None, None, tuple(map(torch.tensor, means)), tuple(torch.tensor([2.0, 4.0]) for _ in means)
        )

    assert script.shift(played([1.0, 1.0], [0.0, 0.0]), played([3.0, 5.0], [0.0, 1.0])) == 1.0


def test_a_run_without_statistics_is_refused(script, short, monkeypatch):
    monkeypatch.setattr(script, "statistics_layers", lambda network: [])
    with pytest.raises(SystemExit, match="expected a run with running statistics, got running"):
        script.load(short)


def test_a_run_without_its_replay_is_refused(script, short, monkeypatch):
    run = script.load(short)
    newest = RunFolder(short).checkpoints.load_newest()
    monkeypatch.setattr(
        "rlvision.runs.checkpoint.CheckpointFolder.load_newest", lambda self: {**newest, "replay": None}
    )
    with pytest.raises(SystemExit, match=r"expected a run with its replay, got .*checkpoint\.replay"):
        next(script.replayed(run))


def test_what_is_no_run_is_one_line(script, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["play.py", f"--run={tmp_path / 'nothing-here'}"])
    with pytest.raises(SystemExit, match="nothing-here"):
        script.main()
