"""What is built, by way of the source distribution: only ``rlvision/``, and all of it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "rlvision", "agents", "envs", "configs")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what is built, so that building leaves no traces."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    """The wheel, built from the source distribution and without the network."""
    output = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", output, checkout]
    build = subprocess.run(command, capture_output=True, text=True)
    assert build.returncode == 0, build.stdout + build.stderr
    with ZipFile(next(output.glob("*.whl"))) as archive:
        yield archive


def modules_and_data(root: Path) -> set[str]:
    """The files that belong into the wheel."""
    packages = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = [package.replace(".", "/") for package in packages]
    sources = {f"{folder}/{path.name}" for folder in folders for path in (root / folder).glob("*.py")}
    presets = {f"rlvision/{path.relative_to(root)}" for path in (root / "configs").rglob("*.yaml")}
    pages = [path for kind in ("html", "css", "js") for path in root.glob(f"rlvision/watch/*/*.{kind}")]
    inside = [*root.glob("rlvision/evaluation/*.json"), *root.glob("rlvision/runs/trained/[a-z]*/*"), *pages]
    return sources | presets | {f"{path.relative_to(root)}" for path in inside}


def test_the_wheel_holds_every_module_its_data_and_the_type_marker_and_nothing_else(checkout, wheel):
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert sorted(names) == sorted(modules_and_data(checkout) | {"rlvision/py.typed"})


def test_the_wheel_owns_one_top_level_name(wheel):
    assert {name.split("/")[0].split("-")[0] for name in wheel.namelist()} == {"rlvision"}


def test_the_wheel_brings_command_and_licence(wheel):
    names = {Path(name).name: name for name in wheel.namelist()}
    assert "rlvision = rlvision.cli.main:main" in wheel.read(names["entry_points.txt"]).decode()
    assert wheel.read(names["LICENSE"]) == (ROOT / "LICENSE").read_bytes()
