"""The folders at the top, and the one import name they are installed under."""

import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
LINKED = ("agents", "configs", "envs")


def folder_of(package: str) -> Path:
    """The real folder of a package."""
    name = package.removeprefix("rlvision.")
    return ROOT / (name if name in LINKED else package.replace(".", "/"))


def test_the_packages_of_the_distribution_are_the_folders():
    found = {"rlvision", *(f"rlvision.{name}" for name in LINKED)}
    for folder in ("rlvision", *LINKED):
        root = ROOT / folder
        inner = {path.parent.relative_to(root) for path in root.rglob("*.py")} - {Path()}
        prefix = "rlvision" if folder == "rlvision" else f"rlvision.{folder}"
        found |= {".".join((prefix, *path.parts)) for path in inner if not (root / path.parts[0]).is_symlink()}
    assert SETUPTOOLS["packages"] == sorted(found)


@pytest.mark.parametrize("name", LINKED)
def test_a_module_lies_where_its_name_says(name):
    link = ROOT / "rlvision" / name
    assert link.is_symlink()
    assert link.readlink() == Path("..") / name
    assert SETUPTOOLS["package-dir"][f"rlvision.{name}"] == name


@pytest.mark.parametrize("name", ["agents", "envs"])
def test_the_bare_name_of_a_package_is_refused(name):
    run = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        f"ImportError: expected the import name rlvision.{name}, got '{name}': import rlvision.{name} instead "
        "(under the bare name every class would exist twice)"
    )


def test_the_presets_are_found_as_package_data():
    stored = {path.name for path in (ROOT / "configs").glob("*.yaml")}
    assert stored == {entry.name for entry in files("rlvision.configs").iterdir() if entry.name.endswith(".yaml")}
    assert "quick.yaml" in stored


def test_the_sweeps_are_found_as_package_data():
    stored = {path.name for path in (ROOT / "configs" / "sweeps").glob("*.yaml")}
    assert stored == {entry.name for entry in files("rlvision.configs").joinpath("sweeps").iterdir()}
    assert "quick.yaml" in stored
