"""A folder from a stranger, with a link or a pipe at any of its names, leads no command out of it.

Each test puts one thing in the place of one name of a real run folder, export or sweep, gives the commands that use it,
and looks at the victims that the link leads to, and at all that the commands have written.
"""

import os
import shutil
import signal
import sys
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import pytest

from rlvision.cli import main as cli
from rlvision.config.loading import save_config
from rlvision.core.errors import CheckpointError
from rlvision.runs.run_folder import FOLDERS
from rlvision.runs.training import train
from rlvision.sweeps.runner import Runner
from rlvision.sweeps.sweep_file import read_sweep
from rlvision.sweeps.trials import make_trials

SENTINEL = "what only its owner may read 4711\n"
READERS = {
    "evaluate": ["evaluate", "run", "--games=1", "--max-frames=9", "--json=scores.json"],
    "evaluate the last": ["evaluate", "run", "--games=1", "--max-frames=9", "--checkpoint=last"],
    "watch as page": ["watch", "run", "--html=game.html", "--max-steps=3"],
    "watch as video": ["watch", "run", "--video=game.mp4", "--max-steps=3"],
    "list games": ["replay", "run"],
    "replay": ["replay", "run", "--episode=last", "--html=replay.html", "--max-steps=3"],
    "export": ["export", "run", "--out=exported", "--games=0"],
    "compare": ["compare", "run", "--json=compared.json", "--out=pictures"],
    "plot": ["plot", "run", "--out=plot.svg"],
}
WRITERS = {
    "resume": ["resume", "run", "--env-steps=80"],
    "train": ["train", "run.yaml", "--env-steps=80"],
}
BEGINS, ENDS = 60, 80
FILES = {
    "config.yaml": {*READERS, *WRITERS} - {"list games"},
    "history.jsonl": {*WRITERS},
    "metrics.jsonl": {"compare", "plot", *WRITERS},
    "checkpoints/best.ckpt": {
        "evaluate",
        "watch as page",
        "watch as video",
        "replay",
        "export",
        *WRITERS,
    },  # the last after training
    "checkpoints/000000000040.ckpt": set(),  # there is a newer one
    "checkpoints/000000000060.ckpt": set(),  # there is an older one
    "checkpoints/replay/000000000000-*": {*WRITERS},  # all checkpoints need it
    "checkpoints/replay/000000000020-*": set(),  # of the newer checkpoint alone
    "games/00000000.games": {"list games", "replay"},  # a continued run begins another
    "curve.png": set(),
    "videos/000000000060.mp4": set(),
    "videos/000000000060.html": set(),
    "tensorboard/events.*": set(),
}
"""Pattern of a name in the run folder -> the commands that refuse to go on without the file itself."""
READ_BY_MOST = ("config.yaml", "metrics.jsonl", "checkpoints/000000000060.ckpt", "games/00000000.games")
TO_BE = (
    ".owner",
    ".lock",
    ".config.yaml.part",
    ".history.jsonl.part",
    ".curve.png.tmp",
    "checkpoints/000000000080.ckpt",
    "checkpoints/.000000000080.ckpt.part",
    "checkpoints/.best.ckpt.part",
    "checkpoints/replay/60-80.part",
    "games/00000001.games",
    "videos/000000000080.mp4",
    "videos/.000000000080.part.mp4",
    "videos/000000000080.html",
    "videos/.000000000080.html.part",
)
"""Names of files that come later, now or in earlier releases."""
KINDS = ("a link to the file itself", "a link to a secret", "a link to nowhere", "a pipe")


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """A pipe that is waited for ends the test."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(100)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small) -> Path:
    """A folder with a run in ``run`` and its settings in ``run.yaml``."""
    folder = tmp_path_factory.mktemp("trained")
    config = small(
        Path("run"),
        env_steps=BEGINS,
        evaluate_every=20,
        checkpoint_every=20,
        evaluation__games=1,
        tracking__video_every=3,
        tracking__video_steps=3,
        tracking__tensorboard=True,
        env__max_episode_steps=6,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train(config)
        save_config(config, Path("run.yaml"))
    return folder


class Place:
    """A copy of what was trained, in the current folder, and victims outside of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.outside = folder / "inside", folder / "outside"
        self.outside.mkdir()
        (self.outside / "secret").write_text(SENTINEL)
        self.before = self.victims()

    def plant(self, path: Path, kind: str) -> None:
        """Put something else in the place of a file or folder."""
        itself = self.outside / "itself"
        if path.exists():
            path.rename(itself)
        elif kind == "a link to the file itself":
            itself.write_bytes(b"of another\n")
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "a pipe":
            os.mkfifo(path)
        else:
            to = {"a link to the file itself": itself, "a link to a secret": self.outside / "secret"}
            path.symlink_to(to.get(kind, self.outside / "nowhere"))
        self.before = self.victims()

    def victims(self) -> dict[str, bytes | None]:
        """All that is outside."""
        paths = sorted(self.outside.rglob("*"))
        return {str(path): path.read_bytes() if path.is_file() else None for path in paths}

    def run(self, command: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
        """Give a command; its exit status, and what it said of an error."""
        status = cli.main(command)
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        lines = [line for line in said.err.splitlines() if line.startswith("rlvision: ")]
        assert (status, len(lines)) in ((0, 0), (2, 1)), (command, said.err)
        assert self.victims() == self.before, command
        assert SENTINEL.strip() not in said.err + said.out, command
        self.require_no_leak(command)
        return status, said.err

    def require_no_leak(self, command: list[str]) -> None:
        """Nothing of the secret is in a file that is really here."""
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(self.folder):
                assert SENTINEL.strip().encode() not in path.read_bytes(), (command, path)


@pytest.fixture
def place(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    shutil.copytree(trained, tmp_path / "inside")
    if "curve" not in request.node.name:  # half a second each
        monkeypatch.setattr("rlvision.runs.media.draw_curve", lambda folder: folder / "curve.png")
    monkeypatch.chdir(tmp_path / "inside")
    return Place(tmp_path)


def test_the_names_are_those_of_a_run_folder(trained: Path) -> None:
    """Whoever adds a file to the run folder adds it here."""
    found = {path.relative_to(trained / "run") for path in (trained / "run").rglob("*")}
    files = {path for path in found if (trained / "run" / path).is_file()}
    unknown = {path.as_posix() for path in files if not any(path.match(pattern) for pattern in FILES)}
    assert {name for name in unknown if not name.startswith("checkpoints/replay/000000000010-")} == set()
    assert all(any(path.match(pattern) for path in files) for pattern in FILES)
    assert {path.as_posix() for path in found - files} == {*FOLDERS} - {"wandb"}


def _cases(names: Iterable[str], kind: str, also: Container[str]) -> list[object]:
    """Every name with every kind; by default each with one kind, and some with a pipe, too."""
    return [
        pytest.param(name, one, marks=() if one == kind or (one == "a pipe" and name in also) else pytest.mark.slow)
        for name in names
        for one in KINDS
    ]


@pytest.mark.parametrize(("pattern", "kind"), _cases(FILES, "a link to the file itself", READ_BY_MOST))
def test_a_file_of_a_run_folder_is_the_file_itself(
    place: Place, capsys: pytest.CaptureFixture[str], pattern: str, kind: str
) -> None:
    (path,) = Path("run").glob(pattern)
    place.plant(path, kind)
    refusing = set()
    for name, command in (READERS | WRITERS).items():
        status, said = place.run(command, capsys)
        if status:
            refusing.add(name)
            got = "a named pipe" if kind == "a pipe" else "a symbolic link"
            assert f"got {got}: put the file itself there" in said or "undamaged checkpoint" in said, name
    assert refusing == FILES[pattern], refusing ^ FILES[pattern]


@pytest.mark.parametrize(("name", "kind"), _cases(TO_BE, "a link to a secret", ()))
def test_a_file_that_comes_later_is_written_in_the_place_of_a_link(
    place: Place, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    place.plant(Path("run", name), kind)
    for command in WRITERS.values():
        status, said = place.run(command, capsys)
        assert status == 0, said
    assert Path("run/metrics.jsonl").read_text().count("evaluate/mean") == ENDS / 20
    if "part" not in name and not name.startswith((".", "games")):
        assert not Path("run", name).is_symlink()
        assert Path("run", name).is_file()


@pytest.mark.parametrize("kind", ["a link to the file itself", "a link to nowhere", "a pipe"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_a_run_folder_is_the_folder_itself(
    place: Place, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    place.plant(Path("run", name), kind)
    got = "a named pipe" if kind == "a pipe" else "a symbolic link"
    for command in (READERS | WRITERS).values():
        status, said = place.run(command, capsys)
        assert status == 2
        assert f"run/{name}, got {got}: put the folder itself there" in said


def test_the_users_own_links_to_run_folders_go_on_working(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").rename("elsewhere")
    Path("run").symlink_to("elsewhere")
    for command in (READERS | WRITERS).values():
        status, said = place.run(command, capsys)
        assert status == 0, said
    assert Path("elsewhere/checkpoints/000000000080.ckpt").exists()


# Exports

USES = {
    "evaluate": ["evaluate", "export", "--games=1", "--max-frames=9"],
    "watch": ["watch", "export", "--html=game.html", "--max-steps=3"],
    "compare": ["compare", "export", "--games=1"],
    "plot": ["plot", "export", "--out=plot.svg"],
    "export": ["export", "export", "--out=again", "--games=0"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "refusing"),
    [("export.json", {*USES}), ("model.safetensors", {*USES}), ("README.md", {"plot", "export"})],
)
def test_a_file_of_an_export_is_the_file_itself(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    refusing: set[str],
    kind: str,
    small_export,
) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    small_export(Path("export"))
    place = Place(tmp_path)
    place.plant(Path("export", name), kind)
    refused = {use for use, command in USES.items() if place.run(command, capsys)[0]}
    assert refused == refusing


@pytest.mark.parametrize("kind", ["a link to the file itself", "a link to nowhere", "a pipe"])
@pytest.mark.parametrize(("name", "status"), [("exported", 2), (".exported.part", 0)])
def test_an_export_is_not_written_through_a_link(
    place: Place, capsys: pytest.CaptureFixture[str], name: str, status: int, kind: str
) -> None:
    Path(name).mkdir()
    place.plant(Path(name), kind)
    found, said = place.run(READERS["export"], capsys)
    assert (found, "expected a new folder in --out, got exported, which is there" in said) == (status, status == 2)
    assert Path("exported/export.json").exists() == (status == 0)


# Sweeps

SWEEP = """
program: train.py
method: grid
parameters: {agent.n_step: {values: [1]}}
command: ["${program}", cartpole-dqn, --env-steps=400, "${args}"]
"""
FAKE = (sys.executable, str(Path(__file__).parents[1] / "own" / "fake_train.py"))


def sweep() -> list[str]:
    """Run the sweep in ``sweep`` and return how its runs ended."""
    wanted = read_sweep("mine.yaml")
    made = make_trials(wanted, runs=None, seeds=())
    return [result.status for result in Runner(wanted, made, Path("sweep"), processes=1, program=FAKE).run()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("summary.json", "a regular file"),
        ("summary.csv", ""),
        (".owner", ""),
        (".summary.json.part", ""),
        ("n_step=1", "a folder"),
        ("n_step=1/log.txt", "a regular file"),
        ("n_step=1/metrics.jsonl", "a regular file"),
    ],
)
def test_a_file_of_a_sweep_is_the_file_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, refused: str, kind: str
) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    Path("mine.yaml").write_text(SWEEP)
    assert sweep() == ["finished"]
    if name.endswith("log.txt"):
        Path("sweep/summary.json").unlink()  # so that the run is made again
    place = Place(tmp_path)
    place.plant(Path("sweep", name), kind)
    if refused:
        with pytest.raises(CheckpointError, match=f"expected {refused} at sweep/{name}, got a "):
            sweep()
    else:
        assert sweep() == ["finished"]
    assert place.victims() == place.before
    place.require_no_leak(["sweep"])
