import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from torch.utils.tensorboard import FileWriter

from rlvision.core.errors import CheckpointError, MissingExtraError
from rlvision.tracking.tensorboard import TensorboardTracker


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "histograms": 0})
    accumulator.Reload()
    return accumulator


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(folder).Scalars(name)]


def test_what_a_killed_run_wrote_after_its_checkpoint_is_hidden(tmp_path: Path) -> None:
    killed = TensorboardTracker(tmp_path)
    for steps in (10, 20, 30):
        killed.log({"loss/td": steps / 8}, steps)
        if steps == 20:
            state = killed.state_dict()
    killed.close()
    continued = TensorboardTracker(tmp_path)
    continued.load_state_dict(state)
    with closing(continued):
        continued.log({"loss/td": 9.0}, 30)
    assert scalars(tmp_path, "loss/td") == [(10, 1.25), (20, 2.5), (30, 9.0)]


def test_a_run_killed_before_its_first_checkpoint_starts_anew(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        with closing(TensorboardTracker(tmp_path)) as tracker:
            tracker.log({"loss/td": value}, 0)
    assert scalars(tmp_path, "loss/td") == [(0, 2.0)]


def test_files_of_one_second_are_read_in_the_order_in_which_they_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(8))
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events.out.tfevents.copy").touch()
    for value in range(3):  # their numbers are 9, 10 and 11
        with closing(TensorboardTracker(tmp_path)) as tracker:
            tracker.log({"loss/td": value}, 0)
    assert scalars(tmp_path, "loss/td") == [(0, 2.0)]


def test_rows_are_on_the_disk_when_a_checkpoint_says_so(tmp_path: Path) -> None:
    tracker = TensorboardTracker(tmp_path)
    tracker.log({"loss/td": 1.0}, 1)
    assert tracker.state_dict() == {"env_steps": 1}
    assert scalars(tmp_path, "loss/td") == [(1, 1.0)]
    tracker.close()


def test_pictures_and_distributions_are_shown_and_videos_left_out(tmp_path: Path) -> None:
    picture, video = tmp_path / "curve.png", tmp_path / "game.mp4"
    Image.new("RGBA", (6, 4), (255, 0, 0, 255)).save(picture)
    video.write_bytes(b"a film")
    with closing(TensorboardTracker(tmp_path)) as tracker:
        tracker.log_media({"curve": picture, "evaluate/video": video, "q/values": np.array([0, 1, 1], np.float32)}, 7)
    tags = events(tmp_path).Tags()
    assert (tags["images"], tags["histograms"]) == (["curve"], ["q/values"])
    [image] = events(tmp_path).Images("curve")
    assert (image.step, image.width, image.height) == (7, 6, 4)
    [histogram] = events(tmp_path).Histograms("q/values")
    assert (histogram.histogram_value.num, histogram.histogram_value.sum) == (3, 2)


def test_a_full_disk_costs_rows_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer has a thread, which keeps the error and raises it at every later row; no row waits for a new name."""
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    full = OSError(28, "No space left on device")
    with closing(TensorboardTracker(tmp_path)) as tracker:
        tracker.log({"loss/td": 1.0}, 1)
        tracker.state_dict()
        monkeypatch.setattr(time, "sleep", raising(AssertionError("waited")))
        with monkeypatch.context() as patch:
            patch.setattr(FileWriter, "add_summary", raising(full))
            for steps in (2, 3):
                tracker.log({"loss/td": 2.0}, steps)
        tracker.log({"loss/td": 4.0}, 4)
        tracker.log_media({"q/values": np.array([], np.float32)}, 4)
    assert scalars(tmp_path, "loss/td") == [(1, 1.0), (4, 4.0)]
    assert caplog.text.count("No space left on device: rows are lost there") == 1


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rlvision\[tensorboard\]'"):
        TensorboardTracker(tmp_path)
    assert not (tmp_path / "tensorboard").exists()


def test_no_link_leads_its_files_elsewhere(tmp_path: Path) -> None:
    """Neither at the folder nor at a file, whose name nobody can guess."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").symlink_to(tmp_path / "victim")
    with (
        closing(TensorboardTracker(tmp_path / "run")) as tracker,
        pytest.raises(CheckpointError, match=r"expected a folder at .*tensorboard, got a symbolic link"),
    ):
        tracker.log({"loss/td": 1.0}, 1)
    assert list((tmp_path / "victim").iterdir()) == []
    for folder in ("one", "other"):
        with closing(TensorboardTracker(tmp_path / folder)) as tracker:
            tracker.log({"loss/td": 1.0}, 1)
    ends = {path.name.rpartition(".")[2] for path in tmp_path.glob("o*/tensorboard/*")}
    assert [len(end) for end in ends] == [16, 16]
