"""Paths are text or `os.PathLike` in every public function, and ``~`` is the home folder."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import rlvision
from rlvision.analysis import compare_runs, plot_runs, require_folder, require_picture
from rlvision.config import compose_config, load_config, read_config, save_config
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.paths import as_path
from rlvision.envs import read_games
from rlvision.runs import RunFolder, find_run, resume
from rlvision.sweeps import read_sweep
from rlvision.tracking import JsonlTracker, draw_curve, last_env_steps, read_metrics
from rlvision.watch.html.page import check_page_path, page_path
from rlvision.watch.outputs import Output
from rlvision.watch.video import open_video

ROOMS = (
    "rlvision",
    *(f"rlvision.{room}" for room in ("envs", "tracking", "config", "watch", "runs", "analysis", "sweeps")),
)
OURS = (".log_media", ".log_artifact", ".on_checkpoint", ".Recording.__init__")
"""Methods that rlvision calls with a `Path`; to a tracker it means a file, and an array a picture."""


class Place:
    """A path that is neither text nor a `Path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def signatures() -> Iterator[tuple[str, inspect.Parameter]]:
    """Every parameter of every public function, constructor and method."""
    for room in ROOMS:
        module = import_module(room)
        for name in module.__all__:
            for label, function in functions(name, getattr(module, name)):
                for parameter in inspect.signature(function).parameters.values():
                    yield f"{room}.{label}({parameter.name})", parameter


def functions(name: str, found: Any) -> Iterator[tuple[str, Any]]:
    if inspect.isclass(found):
        methods = ((f"{name}.{key}", value) for key, value in vars(found).items() if callable(value))
        yield from (pair for pair in methods if not pair[0].split(".")[1].startswith("_") or "__init__" in pair[0])
    elif inspect.isfunction(found):
        yield name, found


def test_no_public_function_asks_for_a_path_object():
    asked = {label: str(parameter.annotation) for label, parameter in signatures()}
    paths = {label: hint for label, hint in asked.items() if "Path" in hint}
    ours = {label for label in paths if label.split("(")[0].endswith(OURS)}
    assert not [label for label in paths.keys() - ours if not ("PathLike" in paths[label] or "AnyPath" in paths[label])]
    assert len(paths) > 25


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


KINDS = pytest.mark.parametrize(
    "kind", [str, Path, Place, lambda path: f"~/{path.name}"], ids=["str", "Path", "own", "~"]
)


@KINDS
def test_settings_and_rows_are_read_and_written(home, kind):
    config = load_config("cartpole-dqn")
    (home / "mine.yaml").write_text("env: {game: CartPole-v1}\n")
    save_config(config, kind(home / "config.yaml"))
    assert read_config(kind(home / "config.yaml")) == config
    assert load_config(kind(home / "mine.yaml")).env.game == "CartPole-v1"
    assert compose_config(kind(home / "mine.yaml")).env.game == "CartPole-v1"
    tracker = JsonlTracker(kind(home / "run"))
    tracker.log({"training/score": 1.0}, 5)
    tracker.close()
    assert read_metrics(kind(home / "run")) == [{"env_steps": 5, "training/score": 1.0}]
    assert last_env_steps(kind(home / "run" / "metrics.jsonl") if kind is not KINDS.args[1][3] else tracker.path) == 5
    assert draw_curve(kind(home / "run")) == home / "run" / "curve.png"
    assert read_games(kind(home / "run")) == []


@KINDS
def test_outputs_are_named(home, kind):
    for suffix in ("mp4", "gif"):
        assert Output(video=kind(home / f"game.{suffix}")).files(1) == [home / f"game.{suffix}"]
    assert Output(html=kind(home / "game.html")).files(2) == [home / "game.html", home / "game-2.html"]
    check_page_path(kind(home / "game.html"))
    assert page_path(kind(home / "game.html"), 1) == home / "game.html"
    with open_video(kind(home / "game.gif"), 2, 2, 10.0):
        pass
    assert (home / "game.gif").exists()
    require_folder(kind(home / "pictures"))
    assert (home / "pictures").is_dir()
    require_picture(kind(home / "curve.png"))


@KINDS
def test_runs_are_found(home, kind):
    (home / "empty").mkdir()
    for verb in (rlvision.Run, rlvision.load, resume, find_run, lambda place: compare_runs([place])):
        with pytest.raises(CheckpointError, match=f"got {home}/empty without a config.yaml"):
            verb(kind(home / "empty"))
    with pytest.raises(CheckpointError, match="empty without"):
        plot_runs([kind(home / "empty")], kind(home / "curve.svg"))
    assert RunFolder(kind(home / "empty")).path == home / "empty"


@KINDS
def test_a_sweep_is_read(home, kind):
    source = Path(str(import_module("rlvision.configs").__file__)).parent / "sweeps" / "quick.yaml"
    (home / "mine.yaml").write_text(source.read_text())
    assert read_sweep(kind(home / "mine.yaml")).name == "mine"


def test_the_run_folder_of_settings_may_be_in_the_home_folder(home):
    run = home / "there"
    run.mkdir()
    save_config(load_config("cartpole-dqn", {"env_steps": 777}), run / "config.yaml")
    assert load_config("cartpole-dqn", {"out": "~/there"}).env_steps == 777
    assert load_config("cartpole-dqn", {"out": Place(run)}).env_steps == 777


@pytest.mark.parametrize("place", [3, None, b"bytes"])
def test_what_is_no_path_is_refused(place):
    with pytest.raises(ConfigError, match=r"expected a path as text or pathlib.Path, got"):
        as_path(place)


def test_a_user_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match=r"home folder of a user, got ~nobody-of-that-name/runs: correct"):
        as_path("~nobody-of-that-name/runs")
    assert as_path("/there/~odd") == Path("/there/~odd")
