"""What a run shows besides numbers, and that showing it never disturbs training."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

import rlvision.envs.screen
import rlvision.runs.media
from rlvision.core.errors import EnvError
from rlvision.runs.builders import make_env
from rlvision.runs.media import InterruptiblePolicy, MediaLogger, finite, video_is_due
from rlvision.tracking.curve import draw_curve
from tests.conftest import COUNTING, PONG


class Wall:
    """A gallery that remembers what hangs on it."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, str, object]] = []

    def log_media(self, media, env_steps):
        self.shown += [(env_steps, name, item) for name, item in media.items()]

    def log_artifact(self, name, files):
        self.shown.append((0, name, {inside: Path(path).name for inside, path in files.items()}))

    @property
    def names(self):
        return [name for _, name, _ in self.shown]


@pytest.fixture
def media_logger(tmp_path, small, watched):
    """Of an agent that has trained for a moment."""
    config = small(tmp_path, env_steps=60, tracking__video_every=1, tracking__video_steps=4)
    session = watched.train(config)
    return MediaLogger(config, session._folder, session._agent, Wall(), make_env)


@pytest.mark.parametrize(
    ("every", "evaluate_every", "due"),
    [
        (1, 20, [20, 40, 60, 80, 100]),
        (2, 20, [40, 80, 100]),
        (5, 20, [100]),
        (0, 20, []),
        (3, 0, [100]),
    ],
)
def test_videos_come_when_the_settings_say_and_at_the_end(tmp_path, every, evaluate_every, due, small):
    config = small(tmp_path, env_steps=100, evaluate_every=evaluate_every, tracking__video_every=every)
    assert [steps for steps in (20, 40, 60, 80, 100) if video_is_due(config, steps, steps == 100)] == due
    if every:
        assert video_is_due(config, 50, True)  # a run that ended early


@pytest.mark.parametrize("world", [COUNTING, pytest.param(PONG, id="pong", marks=pytest.mark.slow)])
def test_videos_and_pictures_change_nothing_of_what_is_learned(
    tmp_path, world, differences, everything, small, watched
):
    plain, shown = (
        everything(watched.train(small(tmp_path / name, world, env_steps=120, network__dropout=0.2, **more)))
        for name, more in (("plain", {}), ("shown", {"tracking__video_every": 1, "tracking__video_steps": 3}))
    )
    assert differences(plain, shown) == []
    assert list((tmp_path / "shown" / "videos").iterdir())
    assert not (tmp_path / "plain" / "videos").exists()


def test_an_evaluation_shows_the_q_values_and_a_game(media_logger):
    media_logger.log_evaluation(60, lambda: None, False)
    (_, first, values), (_, second, video), (_, third, page) = media_logger._media_tracker.shown
    assert (first, second, video.name) == ("q/values", "evaluate/video", "000000000060.mp4")
    assert (third, page) == ("evaluate/page", video.with_suffix(".html"))
    assert "at 0.06k" in page.read_text()
    observation = media_logger._agent.learner.last_states[0].numpy()
    np.testing.assert_allclose(values, media_logger._agent.q_function(observation).flatten().numpy(), atol=1e-5)


def test_an_interruption_ends_a_recording_and_leaves_no_half_of_it(media_logger):
    folder = media_logger._folder.path / "videos"
    before = list(folder.iterdir())
    asked = []
    media_logger.log_evaluation(70, lambda: asked.append(1) or ("stop" if len(asked) == 3 else None), True)
    assert len(asked) == 3
    assert media_logger._media_tracker.names == ["q/values"]
    assert list(folder.iterdir()) == before


def test_a_world_that_cannot_be_shown_costs_one_line(media_logger, monkeypatch, caplog):
    def refuse(env):
        raise EnvError("expected a picture, got none: draw one")

    monkeypatch.setattr(rlvision.runs.media, "make_screen", refuse)
    with caplog.at_level(logging.WARNING):
        for steps in (60, 120):
            media_logger.log_evaluation(steps, lambda: None, False)
    assert media_logger._media_tracker.names == ["q/values", "q/values"]
    assert [record.getMessage() for record in caplog.records] == [
        "expected a picture, got none: draw one (EnvError); this run records no more videos"
    ]


def test_a_network_that_cannot_be_looked_into_costs_one_line(media_logger, monkeypatch, caplog):
    def cut_off(*_):
        raise RuntimeError("element 0 of tensors does not require grad")

    monkeypatch.setattr("rlvision.features.saliency.gradient_saliency", cut_off)
    for steps in (60, 120):
        media_logger.log_evaluation(steps, lambda: None, False)
    assert media_logger._media_tracker.names == ["q/values", "q/values"]
    assert caplog.text.count("does not require grad (RuntimeError); this run records no more videos") == 1


def test_rows_that_cannot_be_read_any_more_cost_the_curve_and_no_more(tmp_path, monkeypatch, media_logger, caplog):
    monkeypatch.setattr(rlvision.runs.media, "draw_curve", draw_curve)
    path = media_logger._folder.path / "metrics.jsonl"
    path.write_bytes(path.read_bytes().replace(b"{", b"\xff", 1))
    for steps in (70, 80):
        media_logger.log_curve(steps)
    assert media_logger._media_tracker.names == []
    assert caplog.text.count("correct it without changing its length; the curve is no longer drawn") == 1


def test_a_full_disk_costs_the_video(media_logger, monkeypatch, caplog):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rlvision.watch.training_video.record", full)
    media_logger.log_evaluation(60, lambda: None, False)
    assert media_logger._media_tracker.names == ["q/values"]
    assert "expected to write a video, got No space left on device" in caplog.text.replace("[Errno 28] ", "")


def test_what_is_kept_lies_as_in_a_run_folder(media_logger):
    media_logger.log_checkpoint("best", media_logger._folder.checkpoints.best_path)
    [(_, _, files)] = media_logger._media_tracker.shown
    assert files == {"config.yaml": "config.yaml", "checkpoints/best.ckpt": "best.ckpt"}


def test_nothing_is_kept_where_the_settings_say_so(tmp_path, media_logger, small):
    config = small(tmp_path, tracking__artifacts=False)
    MediaLogger(
        config, media_logger._folder, media_logger._agent, media_logger._media_tracker, make_env
    ).log_checkpoint("best", tmp_path)
    assert media_logger._media_tracker.shown == []


def test_a_histogram_gets_what_it_can_hold():
    values = torch.tensor([[1.0, float("nan")], [float("inf"), 2.0]])
    assert finite(values).tolist() == [1.0, 2.0]


def test_an_attentive_policy_acts_as_the_one_it_has():
    class Fixed:
        def act(self, observation, first, env_steps):
            return np.array([observation.sum() + 10 * first.sum() + env_steps])

    first = np.array([True, False, False])
    assert InterruptiblePolicy(Fixed(), lambda: None).act(np.ones(3), first, 4).tolist() == [17]
