"""Trackers of the user's own, and metrics in the words of other libraries."""

import json
import logging
import shutil

import pytest

from rlvision.core.errors import ConfigError
from rlvision.runs.run import Run
from rlvision.runs.training import resume, train
from rlvision.tracking.foreign_metrics import WORDS, in_words_of
from rlvision.tracking.metrics import METRICS
from rlvision.tracking.own_tracker import make_own_trackers
from rlvision.tracking.tensorboard import TensorboardTracker
from rlvision.tracking.wandb import WandbTracker
from tests.tracking.test_wandb_tracker import rows

SETTINGS = {"env": {"game": "g"}}


def made(path, folder):
    return make_own_trackers([path], folder, SETTINGS)[path]


def test_a_run_tells_it_every_row_and_carries_its_state_on(tmp_path, small, monkeypatch, stop_at):
    config = small(tmp_path / "run", env_steps=40, evaluate_every=0, tracking__also=["own_trackers:Lines"])
    stop_at(monkeypatch, 20)
    train(config)
    train(config)
    lines = (tmp_path / "run" / "lines.txt").read_text().splitlines()
    told = [line.split()[:2] for line in lines if not line.startswith("closed")]
    stored = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert told == [[str(number), str(row["env_steps"])] for number, row in enumerate(stored, 1)]
    assert lines.count(f"closed {config.env.game}") == 2


def test_only_a_run_that_continues_needs_trust_in_it(tmp_path, small):
    train(small(tmp_path / "run", env_steps=4, tracking__also=["own_trackers:Lines"]))
    shutil.move(tmp_path / "run", tmp_path / "given")
    Run(tmp_path / "given", device="cpu")
    text = (tmp_path / "given" / "config.yaml").read_text()
    (tmp_path / "given" / "config.yaml").write_text(text.replace("own_trackers:Lines", "stranger:Lines"))
    with pytest.raises(ConfigError, match=r"got tracking\.also=stranger:Lines in .*: read the code"):
        resume(tmp_path / "given", env_steps=8)
    Run(tmp_path / "given", device="cpu")


def test_its_errors_end_no_training_and_are_said_once(tmp_path, caplog):
    tracker = made("own_trackers:Failing", tmp_path)
    for env_steps in (1, 2, 3):
        tracker.log({"loss/td": 1.0}, env_steps)
    tracker.close()
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [
        "tracker own_trackers:Failing failed in log (ConnectionError: gone): training goes on without it"
    ]
    assert (tmp_path / "lines.txt").read_text() == "1 1 loss/td\nclosed g\n"


def test_a_state_that_no_checkpoint_can_be_read_with_is_left_out(tmp_path, caplog):
    tracker = made("own_trackers:Failing", tmp_path)
    assert tracker.state_dict() == {}
    assert "failed in state_dict (TypeError: expected numbers, text, lists, dicts and tensors" in caplog.text
    fine = made("own_trackers:Lines", tmp_path)
    assert fine.state_dict() == {"rows": 0}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("own_trackers", "expected package.module:Tracker in tracking.also, got 'own_trackers': add the class"),
        ("own_trackers:Gone", "expected a class 'Gone' in 'own_trackers', got none"),
        ("nowhere:Gone", "expected tracking.also 'nowhere:Gone' to be importable"),
        ("own_trackers:__doc__", "expected a class in tracking.also, got own_trackers:__doc__, which cannot be called"),
        ("own_trackers:unmade", "got LookupError (no account): change its constructor"),
        ("own_trackers:nothing", "to have log(metrics, env_steps) and close(), got no log and no close: add it"),
    ],
)
def test_what_is_no_tracker_is_refused(tmp_path, path, message):
    with pytest.raises(ConfigError) as refusal:
        made(path, tmp_path)
    assert message in str(refusal.value)


@pytest.mark.parametrize("names", WORDS)
def test_the_words_are_of_metrics_that_there_are_and_no_two_meet(names):
    words = WORDS[names]
    assert set(words) <= set(METRICS)
    renamed = in_words_of(names, dict.fromkeys(METRICS, 1.0))
    assert len(renamed) == len(METRICS)
    assert all(word in renamed for word in words.values())


def test_wandb_has_the_words_of_a_library_and_the_file_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracker = WandbTracker("offline", tmp_path, {}, names="cleanrl")
    tracker.log({"episode/score": 3.0, "replay/size": 5.0}, 7)
    tracker.close()
    assert rows(tmp_path) == [{"env_steps": 7, "global_step": 7, "charts/episodic_return": 3.0, "replay/size": 5.0}]


def test_tensorboard_has_them_too(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracker = TensorboardTracker(tmp_path, "sb3")
    tracker.log({"loss/td": 0.5, "q/mean": 2.0}, 7)
    tracker.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["q/mean", "train/loss"]
