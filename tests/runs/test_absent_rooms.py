"""Training without `rlvision.watch` or `rlvision.features`: it finishes, and says once what is missing."""

import shutil
from pathlib import Path

import pytest

import rlvision

LAUNCHER = """
import sys
# an editable installation's finder would supply the absent room
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder)]
from rlvision.cli.main import main
status = main(sys.argv[1:])
print("imported:", *sorted(name for name in sys.modules if name.startswith(("rlvision.watch", "rlvision.features"))))
sys.exit(status)
"""
TINY = (
    "--env-steps=40",
    "--evaluate-every=20",
    "--replay.learning-starts=20",
    "--replay.capacity=100",
    "--replay.batch-size=4",
    "--evaluation.games=1",
    "--env.num-envs=1",
    "--tracking.video-every=1",
    "--tracking.video-steps=3",
    "--wandb=disabled",
    "--device=cpu",
    "--threads=1",
)


@pytest.fixture
def train_without(run_program):
    """Train with a copy of the package that lacks rooms; the output, and the modules imported of both rooms."""

    def train(rooms: set[str], folder: Path, *more: str) -> tuple[str, list[str]]:
        package = Path(str(rlvision.__file__)).parent
        shutil.copytree(package, folder / "rlvision", ignore=shutil.ignore_patterns(*rooms, "__pycache__", "trained"))
        assert not rooms & {path.name for path in (folder / "rlvision").iterdir()}
        command = ["-c", LAUNCHER, "train", "cartpole-dqn", *TINY, f"--out={folder / 'run'}", *more]
        done = run_program(command, folder, environment(folder))
        assert done.returncode == 0, done.stderr
        said, _, imported = done.stdout.rpartition("imported:")
        return said + done.stderr, imported.split()

    return train


def environment(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(folder), "PATH": "", "HOME": str(folder), "OMP_NUM_THREADS": "1", "COLUMNS": "400"}


def test_without_watch_a_run_trains_and_has_no_videos(tmp_path: Path, train_without) -> None:
    said, imported = train_without({"watch"}, tmp_path)
    assert not [name for name in imported if name.startswith("rlvision.watch")]
    assert said.count("expected rlvision.watch to record a video, got an installation without it") == 1
    assert said.count("this run records no more videos") == 1
    assert (tmp_path / "run" / "checkpoints" / "000000000040.ckpt").exists()
    assert not (tmp_path / "run" / "videos").exists()


def test_without_features_a_run_trains_and_its_pages_have_no_saliency(tmp_path: Path, train_without) -> None:
    said, imported = train_without({"features"}, tmp_path)
    assert "rlvision.watch.training_video" in imported
    assert not [name for name in imported if name.startswith("rlvision.features")]
    assert said.count("expected rlvision.features to compute saliency, got an installation without it") == 1
    pages = sorted((tmp_path / "run" / "videos").glob("*.html"))
    assert [page.stem for page in pages] == ["000000000020", "000000000040"]
    assert all('"saliency":null' in page.read_text() for page in pages)


def test_a_run_without_videos_needs_neither_and_says_what_its_rows_lack(tmp_path: Path, train_without) -> None:
    said, imported = train_without(
        {"watch", "features"}, tmp_path, "--tracking.video-every=0", "--tracking.log-every=30"
    )
    assert imported == []
    assert said.count("an installation without it") == 1
    assert said.count("expected rlvision.features to measure the health of the network") == 1
    rows = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert "optimiser/grad_norm" in rows
    assert "health/" not in rows
