from collections.abc import Mapping
from pathlib import Path

import pytest

from rlvision.tracking.jsonl import JsonlTracker, read_metrics
from rlvision.tracking.trackers import Media, MultiTracker


class Tape:
    """Remembers what it is told, and has no state of its own to keep."""

    def __init__(self, events: list[str]) -> None:
        self.events = events

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        self.events.append(f"{dict(metrics)} at {env_steps}")

    def close(self) -> None:
        self.events.append("closed")


class Broken(Tape):
    def close(self) -> None:
        super().close()
        raise OSError("no space left")


def test_every_tracker_gets_every_row() -> None:
    left, right = Tape([]), Tape([])
    group = MultiTracker({"left": left, "right": right})
    group.log({"loss/td": 0.5}, 7)
    group.close()
    assert left.events == right.events == ["{'loss/td': 0.5} at 7", "closed"]


def test_all_are_closed_in_order_even_if_one_fails() -> None:
    events: list[str] = []
    group = MultiTracker({"broken": Broken(events), "whole": Tape(events)})
    with pytest.raises(OSError, match="no space left"):
        group.close()
    assert events == ["closed", "closed"]


def test_states_are_kept_by_name_and_only_where_there_are_any(tmp_path: Path) -> None:
    group = MultiTracker({"tape": Tape([]), "files": JsonlTracker(tmp_path)})
    group.log({}, 1)
    state = group.state_dict()
    assert state == {"files": {"offset": 17}}
    group.log({}, 2)
    group.close()
    continued = MultiTracker({"files": JsonlTracker(tmp_path), "more": JsonlTracker(tmp_path / "more")})
    continued.load_state_dict(state | {"gone": {"offset": 3}})
    continued.close()
    assert read_metrics(tmp_path) == [{"env_steps": 1}]


def test_an_empty_group_tracks_nothing() -> None:
    group = MultiTracker({})
    group.log({"loss/td": 1.0}, 1)
    group.close()
    assert group.state_dict() == {}


class Wall(Tape):
    """Takes pictures and files, too."""

    def log_media(self, media: Mapping[str, Media], env_steps: int) -> None:
        self.events.append(f"{dict(media)} shown at {env_steps}")

    def log_artifact(self, name: str, files: Mapping[str, Path]) -> None:
        self.events.append(f"{name} kept: {dict(files)}")


def test_pictures_and_files_go_to_those_that_take_them() -> None:
    plain, wall = Tape([]), Wall([])
    group = MultiTracker({"plain": plain, "wall": wall})
    group.log_media({"curve": Path("curve.png")}, 3)
    group.log_artifact("best", {"config.yaml": Path("c")})
    assert plain.events == []
    assert wall.events == [f"{ {'curve': Path('curve.png')} } shown at 3", f"best kept: { {'config.yaml': Path('c')} }"]
