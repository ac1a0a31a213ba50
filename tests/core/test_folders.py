"""Folders inside run folders, which are no links, and folders that appear whole."""

import os
from pathlib import Path

import pytest

from rlvision.core.errors import CheckpointError
from rlvision.core.folders import (
    irregular,
    list_folder,
    make_folder,
    make_temporary_folder,
    new_folder,
    remove_leftovers,
    require_folders,
)


def tree(root: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the content of the files."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder outside the run's, with what would be deleted there."""
    (tmp_path / "victim").mkdir()
    for name in (".x.part", "1.ckpt"):
        (tmp_path / "victim" / name).write_text("theirs")
    return tmp_path / "victim"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.parametrize(
    "use",
    [
        make_folder,
        lambda folder: list_folder(folder, "*"),
        lambda folder: require_folders(folder.parent, ["missing", folder.name, f"{folder.name}/replay"]),
        lambda folder: remove_leftovers(folder.parent, [folder.name]),
    ],
)
@pytest.mark.parametrize("kind", ["a symbolic link", "a file", "a named pipe"])
def test_what_is_no_folder_is_refused(run: Path, victim: Path, use, kind: str) -> None:
    before, place = tree(victim), run / "checkpoints"
    {
        "a symbolic link": lambda: place.symlink_to(victim),
        "a file": place.touch,
        "a named pipe": lambda: os.mkfifo(place),
    }[kind]()
    with pytest.raises(CheckpointError) as refused:
        use(place)
    assert f"expected a folder at {place}, got {kind}: put the folder itself there" in str(refused.value)
    assert tree(victim) == before
    assert [path.name for path in run.iterdir()] == ["checkpoints"]


def test_a_link_in_a_link_is_refused_at_the_first(run: Path, victim: Path) -> None:
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "replay").symlink_to(victim)
    with pytest.raises(CheckpointError, match="checkpoints/replay, got a symbolic link"):
        require_folders(run, ["checkpoints", "checkpoints/replay", "games"])


def test_folders_are_made_and_listed_in_order(run: Path) -> None:
    assert list_folder(run / "a" / "b", "*") == []
    make_folder(run / "a" / "b")
    make_folder(run / "a" / "b")
    for name in ("2.x", "10.x", "1.x", ".3.x", "1.y"):
        (run / "a" / "b" / name).touch()
    assert [path.name for path in list_folder(run / "a" / "b", "[0-9]*.x")] == ["1.x", "10.x", "2.x"]


def test_leftovers_are_deleted_and_nothing_else_is_even_behind_the_users_own_link(run: Path, tmp_path: Path) -> None:
    (run / "inner").mkdir()
    for name in (".config.yaml.0123456789abcdef.part", ".config.yaml.part", "inner/.x.part", "notes.part", ".hidden"):
        (run / name).touch()
    (run / ".folder.part").mkdir()
    (run / ".link.part").symlink_to(run / "notes.part")
    (tmp_path / "link").symlink_to(run)
    remove_leftovers(tmp_path / "link", ["inner", "missing"])
    assert sorted(tree(run)) == [".folder.part", ".hidden", "inner", "notes.part"]


def test_what_is_neither_file_nor_folder_is_found_at_any_depth(run: Path, victim: Path) -> None:
    (run / "a" / "b").mkdir(parents=True)
    (run / "a" / "file").touch()
    (run / "a" / "b" / "link").symlink_to(victim)
    (run / "a" / "b" / "gone").symlink_to(victim / "nowhere")
    os.mkfifo(run / "pipe")
    assert sorted(map(str, irregular(run))) == ["a/b/gone", "a/b/link", "pipe"]


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "deeper" / "out"
    with new_folder(out) as part:
        (part / "x").write_text("content")
        assert not out.exists()
    assert tree(out.parent) == {"out": None, "out/x": b"content"}
    with pytest.raises(FileNotFoundError), new_folder(out.with_name("other")) as part:
        (part / "a").rename(part / "b")
    with pytest.raises(OSError, match="not empty"), new_folder(out) as part:
        pass
    assert tree(out.parent) == {"out": None, "out/x": b"content"}


def test_a_new_folder_never_takes_the_place_of_a_link(tmp_path: Path, victim: Path) -> None:
    before = tree(victim)
    (tmp_path / "out").symlink_to(victim)
    with pytest.raises(OSError, match="Not a directory"), new_folder(tmp_path / "out") as part:
        (part / "x").touch()
    assert tree(victim) == before


def test_what_killed_processes_left_of_a_folder_goes_and_what_has_another_name_stays(
    tmp_path: Path, victim: Path
) -> None:
    before = tree(victim)
    kept = [".out.b.0123456789abcdef.part", ".outer.part", ".out.xyz.part", ".o.part"]
    for name in [".out.part", ".out.0123456789abcdef.part", *kept]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "link").symlink_to(victim)
    (tmp_path / ".out.fedcba9876543210.part").symlink_to(victim)
    made = make_temporary_folder(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.glob(".*")) == sorted([*kept, ".out.fedcba9876543210.part", made.name])
    assert tree(victim) == before
