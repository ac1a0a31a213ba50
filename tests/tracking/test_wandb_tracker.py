import json
import logging
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rlvision.core.errors import CheckpointError
from rlvision.tracking.wandb import WandbTracker

LOOPBACK_WITHOUT_SERVER = "http://127.0.0.1:9"
ROWS: list[tuple[dict[str, float], int]] = [
    ({"loss/td": 1 / 3, "q/mean": -1e-12}, 100),
    ({"episode/score": -21.0}, 90),  # steps that go back are rows like any other
    ({"loss/td": math.nan, "time/hours": 0.5}, 200),
]

ABOUT = {
    "project": "pixels",
    "name": "first",
    "group": "pong",
    "tags": ("dn",),
    "job_type": "study",
    "notes": "note",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no mode and no server but a closed door on this machine."""
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("WANDB_BASE_URL", LOOPBACK_WITHOUT_SERVER)


def run_file(folder: Path) -> Path:
    [path] = folder.glob("wandb/offline-run-*/*.wandb")
    return path


def inspect(folder: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run_file(folder))]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def rows(folder: Path) -> list[dict[str, Any]]:
    """The logged rows of an offline run, without the columns that W&B adds."""
    items = [record["history"]["item"] for record in inspect(folder) if record["type"] == "history"]
    return [{name: value for name, value in item.items() if not name.startswith("_")} for item in items]


def children() -> set[str]:
    """Process ids of W&B processes that this one started."""
    listing = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {line.split()[0] for line in listing.stdout.splitlines() if "wandb" in line}


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "rlvision.tracking.wandb"]


def test_an_offline_run_reads_back_as_it_was_logged(tmp_path: Path) -> None:
    config = {"env": {"game": "pong"}, "seed": 1}
    tracker = WandbTracker("auto", tmp_path, config, ABOUT)
    for metrics, env_steps in ROWS:
        tracker.log(metrics, env_steps)
    assert children()
    tracker.close()
    assert not children()

    assert rows(tmp_path) == [
        {"env_steps": 100, "loss/td": 1 / 3, "q/mean": -1e-12},
        {"env_steps": 90, "episode/score": -21.0},
        {"env_steps": 200, "loss/td": "NaN", "time/hours": 0.5},
    ]
    records = inspect(tmp_path)
    [run] = [record["run"] for record in records if record["type"] == "run"]
    assert run["run_id"] == tracker.run_id
    assert (run["project"], run["display_name"], run["run_group"]) == ("pixels", "first", "pong")
    assert (run["tags"], run["notes"], run["job_type"]) == (["dn"], "note", "study")
    both = {**config, "env.game": "pong"}
    assert {name: run["config"]["update"][name] for name in both} == both
    [axis] = [record["metric"] for record in records if record["type"] == "metric" and "glob_name" in record["metric"]]
    assert (axis["glob_name"], axis["step_metric"]) == ("*", "env_steps")


def test_rows_are_on_the_disk_after_a_second(tmp_path: Path) -> None:
    tracker = WandbTracker("offline", tmp_path, {})
    tracker.log({"loss/td": 0.5}, 1)
    deadline = time.monotonic() + 10  # far below W&B's own 15 seconds
    while not (written := rows(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.2)
    tracker.close()
    assert written == [{"env_steps": 1, "loss/td": 0.5}]


def test_a_loaded_state_decides_which_run_goes_on(tmp_path: Path) -> None:
    state = WandbTracker("offline", tmp_path, {}).state_dict()
    continued = WandbTracker("offline", tmp_path, {})
    continued.load_state_dict(state)
    continued.log({}, 1)
    continued.close()
    assert run_file(tmp_path).name == f"run-{state['run_id']}.wandb"


def test_without_a_network_a_run_with_a_key_goes_offline_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setattr("rlvision.tracking.wandb.CONNECT_SECONDS", 0.5)
    tracker = WandbTracker("auto", tmp_path, {})
    tracker.log({"loss/td": 0.5}, 1)
    tracker.close()
    assert rows(tmp_path) == [{"env_steps": 1, "loss/td": 0.5}]
    [warning] = warnings_of(caplog)
    assert "could not start an online run" in warning


@pytest.mark.parametrize(
    ("mode", "key", "said"), [("auto", "short", "could not use the configured key"), ("online", None, "has no key")]
)
def test_an_online_run_without_a_good_key_goes_offline_and_never_asks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mode: Any,
    key: str | None,
    said: str,
) -> None:
    if key is not None:
        monkeypatch.setenv("WANDB_API_KEY", key)
    tracker = WandbTracker(mode, tmp_path, {})
    tracker.log({"loss/td": 0.5}, 1)
    tracker.close()
    assert rows(tmp_path) == [{"env_steps": 1, "loss/td": 0.5}]
    [warning] = warnings_of(caplog)
    assert said in warning


def test_rows_that_fail_are_dropped_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = WandbTracker("offline", tmp_path, {})
    tracker.log({"loss/td": 0.5}, 1)

    def fail(row: dict[str, Any], **_: object) -> None:
        raise OSError("no space left on device")

    run: Any = tracker._run
    run.log = fail
    with caplog.at_level(logging.WARNING):
        tracker.log({"loss/td": 0.5}, 2)
        tracker.log({"loss/td": 0.25}, 3)
    del run.log
    tracker.log({"loss/td": 0.125}, 4)
    tracker.close()
    assert [row["env_steps"] for row in rows(tmp_path)] == [1, 4]
    [warning] = warnings_of(caplog)
    assert "dropped a row (no space left on device)" in warning


@pytest.mark.parametrize("mode", ["offline", "disabled", "dryrun"])
def test_what_wandb_was_told_to_do_before_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """As by ``wandb offline``: with a key, too, nothing is sent, and there is nothing to warn of."""
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "settings").write_text(f"[default]\nmode = {mode}\n")
    tracker = WandbTracker("auto", tmp_path, {})
    tracker.log({"loss/td": 1.0}, 1)
    tracker.close()
    assert warnings_of(caplog) == []
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == (mode != "disabled")


@pytest.mark.parametrize("by", ["mode", "environment"])
def test_disabled_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "environment":
        monkeypatch.setenv("WANDB_MODE", "disabled")
    tracker = WandbTracker("disabled" if by == "mode" else "auto", tmp_path / "run", {})
    tracker.log({"loss/td": 0.5}, 1)
    tracker.close()
    tracker.close()
    assert not list(tmp_path.glob("run/wandb/*run*"))
    assert not children()


# A folder from a stranger


@pytest.mark.parametrize("kind", ["a symbolic link", "a named pipe"])
def test_the_id_of_a_run_is_read_of_a_file_only(tmp_path: Path, kind: str) -> None:
    victim, place = tmp_path / "victim", tmp_path / "run" / "wandb" / "run-id"
    victim.write_text("secret")
    place.parent.mkdir(parents=True)
    place.symlink_to(victim) if kind == "a symbolic link" else os.mkfifo(place)
    with pytest.raises(CheckpointError, match=f"expected a regular file at .*run-id, got {kind}"):
        WandbTracker("offline", tmp_path / "run", {})


@pytest.mark.parametrize(
    "name",
    ["offline-run-20990101_000000-abc", "artifacts", "offline-run-20990101_000000-abc/run-abc.wandb", "debug.txt"],
)
def test_wandb_is_not_led_out_of_its_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    victim, place = tmp_path / "victim", tmp_path / "run" / "wandb" / name
    place.parent.mkdir(parents=True)
    victim.mkdir()
    place.symlink_to(victim)
    tracker = WandbTracker("offline", tmp_path / "run", {})
    tracker.log({"loss/td": 0.5}, 1)
    tracker.close()
    assert list(victim.iterdir()) == []
    assert warnings_of(caplog) == [
        f"W&B could not start an offline run (expected files and folders in {tmp_path}/run/wandb, got the link or "
        f"pipe {name}: delete it): training goes on, and metrics.jsonl is complete"
    ]


def test_wandbs_own_links_are_no_hindrance_and_not_written_through(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "wandb"
    victim.write_text("secret")
    (folder / "offline-run-20250131_235959-abc" / "logs").mkdir(parents=True)
    for name in (
        "latest-run",
        "debug.log",
        "debug-internal.log",
        "offline-run-20250131_235959-abc/logs/debug-core.log",
    ):
        (folder / name).symlink_to(victim)
    tracker = WandbTracker("offline", tmp_path, {})
    tracker.log({"loss/td": 0.5}, 1)
    tracker.close()
    assert warnings_of(caplog) == []
    assert victim.read_text() == "secret"
    assert len(list(folder.glob(f"offline-run-*-{tracker.run_id}/*.wandb"))) == 1
    assert (folder / "run-id").read_text() == tracker.run_id


def test_the_id_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim, place = tmp_path / "victim", tmp_path / "run" / "wandb" / "run-id"
    victim.write_text("secret")
    tracker = WandbTracker("offline", tmp_path / "run", {})
    begin = tracker._init

    def begin_and_plant(mode: Any) -> Any:
        run = begin(mode)
        place.symlink_to(victim)
        return run

    tracker._init = begin_and_plant
    tracker.log({"loss/td": 0.5}, 1)
    tracker.close()
    assert victim.read_text() == "secret"
    assert place.read_text() == tracker.run_id
