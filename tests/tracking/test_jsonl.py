import errno
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlvision.core.errors import CheckpointError
from rlvision.tracking.jsonl import JsonlTracker, each_row, last_env_steps, read_metrics

Opener = Callable[[Path], JsonlTracker]


@pytest.fixture
def tracker_of() -> Iterator[Opener]:
    """Makes trackers and closes them when the test is over."""
    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(closing(JsonlTracker(folder)))


def test_rows_read_back_exactly_as_they_were_logged(tmp_path: Path, tracker_of: Opener) -> None:
    tracker = tracker_of(tmp_path / "run")
    tracker.log({"loss/td": 0.1 + 0.2, "q/mean": 1e-300}, 4)
    of_numpy: dict[str, Any] = {"replay/size": np.int64(3), "q/max": np.float32(0.1)}
    tracker.log({"episode/score": -21} | of_numpy, 8)
    tracker.close()
    first, second = read_metrics(tmp_path / "run")
    assert first == {"env_steps": 4, "loss/td": 0.30000000000000004, "q/mean": 1e-300}
    assert second == {"env_steps": 8, "episode/score": -21, "replay/size": 3, "q/max": float(np.float32(0.1))}
    assert isinstance(second["replay/size"], int)


def test_the_file_is_strict_json_even_where_a_metric_is_not_finite(tmp_path: Path, tracker_of: Opener) -> None:
    tracker = tracker_of(tmp_path)
    tracker.log({"loss/td": math.nan, "q/max": math.inf, "q/mean": -math.inf}, 1)

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    raw = json.loads(tracker.path.read_text(), parse_constant=refuse)
    assert raw == {"env_steps": 1, "loss/td": "NaN", "q/max": "Infinity", "q/mean": "-Infinity"}
    [row] = read_metrics(tmp_path)
    assert math.isnan(row["loss/td"])
    assert (row["q/max"], row["q/mean"]) == (math.inf, -math.inf)


def test_a_row_is_in_the_file_before_the_next_is_logged(tmp_path: Path, tracker_of: Opener) -> None:
    tracker = tracker_of(tmp_path)
    for count in range(1, 4):
        tracker.log({"loss/td": 0.5}, count)
        assert [row["env_steps"] for row in read_metrics(tmp_path)] == list(range(1, count + 1))


@pytest.mark.parametrize("written", [0, 7])
def test_rows_wait_while_the_disk_is_full(
    tmp_path: Path, tracker_of: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, written: int
) -> None:
    def full(file: FileIO, content: bytes) -> None:
        file.write(content[:written])
        raise OSError(errno.ENOSPC, "No space left on device")

    tracker = tracker_of(tmp_path)
    tracker.log({"loss/td": 1.0}, 1)
    with monkeypatch.context() as patch:
        patch.setattr("rlvision.core.append_log._write_all", full)
        tracker.log({"loss/td": 0.5}, 2)
        tracker.log({"loss/td": 0.25}, 3)
        with pytest.raises(OSError, match="No space left"):
            tracker.state_dict()
        assert [row["env_steps"] for row in read_metrics(tmp_path)] == [1]
    assert caplog.text.count("No space left on device: its rows wait in memory") == 1
    assert tracker.state_dict()["offset"] == tracker.path.stat().st_size
    tracker.log({"loss/td": 0.125}, 4)
    assert [row["env_steps"] for row in read_metrics(tmp_path)] == [1, 2, 3, 4]


def test_a_killed_and_continued_run_has_each_row_once(tmp_path: Path, tracker_of: Opener) -> None:
    killed = tracker_of(tmp_path)
    killed.log({"loss/td": 1.0}, 1)
    killed.log({"loss/td": 0.5}, 2)
    checkpoint = killed.state_dict()
    killed.log({"loss/td": 0.25}, 3)  # lost with the run, and played again

    continued = tracker_of(tmp_path)
    continued.load_state_dict(checkpoint)
    assert [row["env_steps"] for row in read_metrics(tmp_path)] == [1, 2]
    continued.log({"loss/td": 0.25}, 3)
    continued.log({"loss/td": 0.125}, 4)
    assert [row["env_steps"] for row in read_metrics(tmp_path)] == [1, 2, 3, 4]


def test_a_run_killed_before_its_first_checkpoint_starts_its_file_anew(tmp_path: Path, tracker_of: Opener) -> None:
    tracker_of(tmp_path).log({"loss/td": 1.0}, 1)
    again = tracker_of(tmp_path)
    assert len(read_metrics(tmp_path)) == 1  # a tracker that logs nothing changes nothing
    again.log({"loss/td": 2.0}, 1)
    assert read_metrics(tmp_path) == [{"env_steps": 1, "loss/td": 2.0}]


def test_logging_goes_on_after_close_where_it_left_off(tmp_path: Path, tracker_of: Opener) -> None:
    tracker = tracker_of(tmp_path)
    tracker.log({}, 1)
    tracker.close()
    tracker.close()
    tracker.log({}, 2)
    assert read_metrics(tmp_path) == [{"env_steps": 1}, {"env_steps": 2}]


def test_a_file_shorter_than_its_checkpoint_is_refused(tmp_path: Path, tracker_of: Opener) -> None:
    tracker = tracker_of(tmp_path)
    tracker.log({}, 1)
    with pytest.raises(CheckpointError, match=r"at least the 999 bytes .* got 17: put the file back"):
        tracker.load_state_dict({"offset": 999})


def test_a_row_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"env_steps": 1}\n{"env_st')
    assert read_metrics(tmp_path) == [{"env_steps": 1}]


@pytest.mark.parametrize("line", ["{", "[1]", '{"env_steps": "many"}'])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(f'{{"env_steps": 1}}\n{line}\n')
    with pytest.raises(CheckpointError, match=r"line 2 of .*metrics\.jsonl"):
        read_metrics(tmp_path)


def test_a_run_without_rows_has_none_and_no_folder_is_an_error(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []
    with pytest.raises(CheckpointError, match="expected a run folder"):
        read_metrics(tmp_path / "nowhere")


def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "metrics.jsonl").open("wb") as file:
        file.write(b'{"env_steps": 1}\n')
        file.truncate(2**28)
    rows = each_row(tmp_path)
    assert next(rows) == {"env_steps": 1}
    with pytest.raises(CheckpointError, match=r"line 2 of .*metrics\.jsonl"):
        next(rows)
    assert last_env_steps(tmp_path / "metrics.jsonl") == 0  # no row ends within reach
