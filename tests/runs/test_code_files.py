"""The files of a user's code, found by reading."""

import sys
from importlib.machinery import ModuleSpec

import pytest

from rlvision.runs.code_files import MOST_FILES, files_of


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder on Python's path, into which files are written by their names."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**files):
        for name, text in files.items():
            file = tmp_path / f"{name.replace('__', '/', 1)}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)

    write.folder = tmp_path
    return write


def test_the_modules_that_a_module_imports_are_its_code_however_far(project):
    project(
        cf_world="import cf_rules, os, numpy, torch",
        cf_rules="from cf_numbers import LIMIT\ndef f():\n    import cf_late",
    )
    project(cf_numbers="LIMIT = 3", cf_late="import cf_world", cf_other="import cf_world")
    assert list(files_of(["cf_world"])) == ["cf_late", "cf_numbers", "cf_rules", "cf_world"]
    assert files_of(["cf_world"])["cf_rules"] == (project.folder / "cf_rules.py").resolve()


def test_a_package_is_read_through_relative_imports_and_entry_points(project):
    (project.folder / "cf_game").mkdir()
    (project.folder / "cf_game" / "__init__.py").write_text('register("a/World-v0", entry_point="cf_game.env:World")')
    project(
        cf_game__env="from . import rules\nfrom .deep import THING", cf_game__rules="", cf_game__unused="import cf_no"
    )
    (project.folder / "cf_game" / "deep").mkdir()
    (project.folder / "cf_game" / "deep" / "__init__.py").write_text("from ..shared import THING\nfrom . import leaf")
    (project.folder / "cf_game" / "deep" / "leaf.py").write_text("from ...too.far import away")
    project(cf_game__shared="THING = 1")
    expected = ["", ".deep", ".deep.leaf", ".env", ".rules", ".shared"]
    assert list(files_of(["cf_game"])) == [f"cf_game{name}" for name in expected]
    assert list(files_of(["cf_game.rules"])) == [f"cf_game{name}" for name in expected]  # its package comes first


def test_a_folder_without_init_is_a_package_too(project):
    project(cf_plain__env="")
    assert list(files_of(["cf_plain.env"])) == ["cf_plain.env"]


@pytest.mark.parametrize("name", ["numpy", "os", "rlvision.core", "cf_missing", "", "os.nothing", "__main__"])
def test_of_other_modules_there_is_no_file(name):
    assert files_of([name]) == {}


def test_a_module_that_is_no_python_has_a_file_and_no_imports(project):
    project(cf_broken="import cf_rest\nthis is no python", cf_rest="")
    (project.folder / "cf_null.py").write_bytes(b"import cf_rest\0")
    assert list(files_of(["cf_broken", "cf_null"])) == ["cf_broken", "cf_null"]


def test_a_module_without_a_spec_has_no_file(monkeypatch):
    monkeypatch.setitem(sys.modules, "cf_made_by_hand", type(sys)("cf_made_by_hand"))
    assert files_of(["cf_made_by_hand"]) == {}


def test_a_module_whose_spec_names_no_file_has_none(monkeypatch):
    module = type(sys)("cf_without_place")
    module.__spec__ = ModuleSpec("cf_without_place", None)
    monkeypatch.setitem(sys.modules, "cf_without_place", module)
    assert files_of(["cf_without_place"]) == {}


@pytest.mark.filterwarnings("error")
def test_old_ways_to_write_something_are_not_reported_again(project):
    project(cf_escape="import cf_after\nPATTERN = '\\d'", cf_after="")
    assert list(files_of(["cf_escape"])) == ["cf_after", "cf_escape"]


def test_the_number_of_files_is_bounded(project):
    project(cf_many="\n".join(f"import cf_many_{index}" for index in range(MOST_FILES + 20)))
    project(**{f"cf_many_{index}": "" for index in range(MOST_FILES + 20)})
    assert len(files_of(["cf_many"])) == MOST_FILES


def test_an_import_that_was_added_is_found(project):
    project(cf_grows="", cf_added="")
    assert list(files_of(["cf_grows"])) == ["cf_grows"]
    project(cf_grows="import cf_added")
    assert list(files_of(["cf_grows"])) == ["cf_added", "cf_grows"]
