"""W&B holds the rows of metrics.jsonl, each once, whatever happened to the process, the machine or the network."""

import gc
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rlvision.core.types import State
from rlvision.tracking.jsonl import read_metrics
from rlvision.tracking.wandb import WandbTracker
from tests.own.mirrored_rows import log, run_until_killed, trackers
from tests.tracking.conftest import WandbServer

KEY = "c0ffee5ec4e7f00dfeed" * 2

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["rlvision.tracking.wandb", "wandb"])


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")


def continued(folder: Path, numbers: range, state: State, mode: Any = "offline") -> None:
    group = trackers(folder, mode)
    group.load_state_dict(state)
    with closing(group):
        log(group, numbers)


def same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one.keys() == other.keys() and all(repr(float(one[name])) == repr(float(other[name])) for name in one)


@pytest.fixture
def all_rows(fragments, rows):
    """Those of all of W&B's files, the oldest file first."""

    def _all_rows(folder: Path) -> list[dict[str, Any]]:
        return [row for path in fragments(folder) for row in rows(path)]

    return _all_rows


def require_mirror(folder: Path, mirrored: list[dict[str, Any]]) -> None:
    """Every value of every row of metrics.jsonl, once, in order."""
    assert [row.pop("_step") for row in mirrored] == list(range(len(mirrored)))
    assert len(mirrored) == len(read_metrics(folder))
    assert all(same(*pair) for pair in zip(mirrored, read_metrics(folder), strict=True))


@pytest.mark.parametrize("whom", [pytest.param("process", marks=pytest.mark.slow), "everything"])
def test_a_run_killed_and_continued_is_whole_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whom: str, fragments, rows, all_rows
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # so that the process can import the module
    process = context.Process(target=run_until_killed, args=(tmp_path, 20, 30, whom))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    [first] = fragments(tmp_path)
    before = rows(first)
    assert len(before) == 30 if whom == "process" else len(before) < 30
    continued(tmp_path, range(20, 50), eval((tmp_path / "checkpoint").read_text()))  # noqa: S307 - written above
    assert len({path.name for path in fragments(tmp_path)}) == 1  # files of one run
    require_mirror(tmp_path, all_rows(tmp_path))


def test_rows_that_a_power_cut_took_are_sent_again_from_the_file(tmp_path: Path, fragments, rows, all_rows) -> None:
    group = trackers(tmp_path)
    with closing(group):
        log(group, range(12))
        state = group.state_dict()
    [first] = fragments(tmp_path)
    os.truncate(first, first.stat().st_size * 2 // 3)
    assert 0 < len(rows(first)) < 12
    continued(tmp_path, range(12, 15), state)
    require_mirror(tmp_path, all_rows(tmp_path))


def test_a_run_that_was_not_tracked_is_sent_whole_once_it_is(tmp_path: Path, fragments, rows) -> None:
    group = trackers(tmp_path, "disabled")
    log(group, range(5))
    group.close()
    assert not fragments(tmp_path)
    continued(tmp_path, range(5, 8), group.state_dict())
    [path] = fragments(tmp_path)
    require_mirror(tmp_path, rows(path))


def test_a_run_killed_before_its_first_checkpoint_goes_on_in_the_same_run(
    tmp_path: Path, fragments, rows, all_rows
) -> None:
    group = trackers(tmp_path)
    log(group, range(4))
    group.close()
    again = trackers(tmp_path)
    with closing(again):
        log(again, range(6))
    assert [len(rows(path)) for path in fragments(tmp_path)] == [4, 2]
    require_mirror(tmp_path, all_rows(tmp_path))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, wandb_server: WandbServer) -> WandbServer:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr("rlvision.tracking.wandb.UPLOAD_SECONDS", 2.0)
    monkeypatch.setenv("WANDB_BASE_URL", wandb_server.url)
    return wandb_server


def test_online_a_run_cut_off_from_the_network_is_whole_when_it_goes_on(
    tmp_path: Path,
    server: WandbServer,
    caplog: pytest.LogCaptureFixture,
    fragments,
    rows,
) -> None:
    group = trackers(tmp_path, "auto")
    log(group, range(3))
    group.close()  # with the network
    run_id = group.state_dict()["wandb"]["run_id"]
    assert len(server.rows(run_id)) == 3

    group = trackers(tmp_path, "auto")
    group.load_state_dict({"files": {"offset": 0}, "wandb": {"run_id": run_id, "rows": 0}})
    log(group, range(8))  # the first three of which it has
    server.is_cut = True
    log(group, range(8, 10))
    state = group.state_dict()
    group.close()
    [warning] = [record.getMessage() for record in caplog.records if record.name == "rlvision.tracking.wandb"]
    assert "could not upload all of its run" in warning
    assert f"`wandb sync {tmp_path / 'wandb'}/*run-*` uploads it" in warning
    assert len(server.rows(run_id)) < 10
    assert len(read_metrics(tmp_path)) == 10
    assert [row["_step"] for row in rows(fragments(tmp_path)[-1])] == list(range(3, 10))

    server.is_cut = False
    continued(tmp_path, range(10, 12), state, "auto")
    require_mirror(tmp_path, [{**row, **not_finite(row)} for row in server.rows(run_id)])


def not_finite(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value.lower()) for name, value in row.items() if isinstance(value, str)}


def test_a_run_begun_offline_is_sent_whole_when_a_key_is_there(tmp_path: Path, server: WandbServer) -> None:
    group = trackers(tmp_path, "offline")
    log(group, range(5))
    group.close()
    continued(tmp_path, range(5, 7), group.state_dict(), "auto")
    run_id = group.state_dict()["wandb"]["run_id"]
    require_mirror(tmp_path, [{**row, **not_finite(row)} for row in server.rows(run_id)])
    assert [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()] == []


def test_a_key_that_the_server_refuses_costs_one_warning(
    tmp_path: Path, server: WandbServer, caplog: pytest.LogCaptureFixture, all_rows
) -> None:
    server.refuse = True
    group = trackers(tmp_path, "auto")
    log(group, range(3))
    group.close()
    [warning] = [record.getMessage() for record in caplog.records if record.name == "rlvision.tracking.wandb"]
    assert "could not start an online run" in warning
    require_mirror(tmp_path, all_rows(tmp_path))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nobody waits for the dead process
def test_the_process_of_w_and_b_may_die(tmp_path: Path, caplog: pytest.LogCaptureFixture, all_rows) -> None:
    group = trackers(tmp_path)
    log(group, range(2))
    listing = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    for child in listing:
        if "wandb" in Path(f"/proc/{child}/comm").read_text():
            os.kill(int(child), signal.SIGKILL)
    time.sleep(0.2)
    log(group, range(2, 5))
    group.close()
    assert len(read_metrics(tmp_path)) == 5
    assert len([record for record in caplog.records if record.name == "rlvision.tracking.wandb"]) == 1
    continued(tmp_path, range(5, 7), group.state_dict())
    require_mirror(tmp_path, all_rows(tmp_path))
    gc.collect()


def test_exhibits_come_with_the_next_row_and_the_last_ones_in_the_summary(tmp_path: Path, fragments, inspect) -> None:
    picture, video, page = tmp_path / "curve.png", tmp_path / "game.mp4", tmp_path / "game.html"
    page.write_text("<p>a game</p>")
    Image.new("RGB", (4, 4)).save(picture)
    video.write_bytes(b"a film")
    run = tmp_path / "run"
    tracker = WandbTracker("offline", run, {})
    with closing(tracker):
        tracker.log({"loss/td": 1.0}, 1)
        values = np.array([0.0, 1.0, 1.0], np.float32)
        tracker.log_media({"evaluate/video": video, "evaluate/page": page, "q/values": values}, 2)
        tracker.log({"evaluate/mean": 5.0}, 2)
        tracker.log({"evaluate/mean": 3.0}, 3)
        tracker.log_media({"curve": picture}, 3)
    [path] = fragments(run)
    records = inspect(path)
    first, second, third = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert second["evaluate/video._type"] == "video-file"
    assert (path.parent / "files" / second["evaluate/video.path"]).read_bytes() == b"a film"
    assert second["evaluate/page._type"] == "html-file"
    assert (path.parent / "files" / second["evaluate/page.path"]).read_text() == "<p>a game</p>"  # nothing put in
    assert (second["q/values._type"], sum(second["q/values.values"])) == ("histogram", 3)
    assert "q/values._type" not in first.keys() | third.keys()
    updates = [record["summary"]["update"] for record in records if record["type"] == "summary"]
    summary = dict(chain.from_iterable(update.items() for update in updates))
    assert summary["curve"]["_type"] == "image-file"
    assert summary["evaluate/mean"] == {"max": 5, "last": 3}


def test_what_cannot_be_shown_costs_no_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fragments, inspect, rows
) -> None:
    tracker = WandbTracker("offline", tmp_path, {})
    with closing(tracker):
        tracker.log_media({"evaluate/video": tmp_path / "gone.mp4", "q/values": np.array([1.0], np.float32)}, 1)
        tracker.log({"loss/td": 1.0}, 1)
        tracker.log({"loss/td": 2.0}, 2)
    [path] = fragments(tmp_path)
    assert [row["loss/td"] for row in rows(path)] == [1, 2]
    first, *_ = [record["history"]["item"] for record in inspect(path) if record["type"] == "history"]
    assert first["q/values._type"] == "histogram"
    assert caplog.text.count("could not show evaluate/video") == 1


def test_checkpoints_are_kept_as_a_run_folder_and_nothing_goes_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fragments, inspect
) -> None:
    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    files = {"config.yaml": run / "config.yaml", "checkpoints/best.ckpt": run / "checkpoints" / "best.ckpt"}
    for path in files.values():
        path.write_text(path.name)
    tracker = WandbTracker("offline", run, {})
    with closing(tracker):
        tracker.log({"loss/td": 1.0}, 1)
        tracker.log_artifact("best", files)
        shutil.rmtree(run / "checkpoints")  # what is kept is a copy
    [path] = fragments(run)
    [artifact] = [record["artifact"] for record in inspect(path) if record["type"] == "artifact"]
    contents = {entry["path"]: Path(entry["local_path"]).read_text() for entry in artifact["manifest"]["contents"]}
    assert contents == {"config.yaml": "config.yaml", "checkpoints/best.ckpt": "best.ckpt"}
    assert sorted(artifact["aliases"]) == ["best", "latest"]
    assert "WANDB_DATA_DIR" not in os.environ
    assert not [path for path in (tmp_path / "home").rglob("*") if "artifact" in path.name]
