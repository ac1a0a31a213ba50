"""The throughput benchmark runs, does the work it says, and refuses work that cannot be equal."""

import json
import os
import subprocess
import sys
from collections import deque
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "throughput.py"
PEERS = ("stable-baselines3", "tianshou", "torchrl")
ALONE = ("--without", *PEERS)
SIZES = {"rounds": 2, "slice": 8, "num-envs": 4, "prefill": 64, "capacity": 400, "threads": 1, "batch-size": 8}
TINY = ("--norm", "none", *(word for name, size in SIZES.items() for word in (f"--{name}", str(size))))


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own."""
    command = [sys.executable, str(SCRIPT), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)


@pytest.fixture
def throughput(monkeypatch):
    """The module of the script."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return import_module("throughput")


@pytest.fixture
def run(throughput, monkeypatch):
    """Run the script in this process, which has imported torch already."""

    def run_main(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        status: object = 0
        with redirect_stdout(StringIO()) as stdout, redirect_stderr(StringIO()) as stderr:
            try:
                throughput.main()
            except SystemExit as error:
                status = error.code
        said = f"{status}\n" if isinstance(status, str) else ""
        return subprocess.CompletedProcess(
            arguments, 1 if said else status, stdout.getvalue(), stderr.getvalue() + said
        )

    return run_main


class InThisProcess:
    """A contender that answers from this process: stands in for `subprocess.Popen` and both of its pipes."""

    def __init__(self, command: list[str], **_: object) -> None:
        python, option, name, *arguments = command
        assert (python, option) == (sys.executable, "-m")
        self.stdin = self.stdout = self
        self._questions: deque[str] = deque()
        make_loop = import_module(name).loop_maker(arguments)
        self._replies = import_module("contenders.slices").replies(make_loop, iter(self._next, None))

    def write(self, text: str) -> None:
        if text.strip():
            self._questions.append(text)

    def flush(self) -> None:
        pass

    def readline(self) -> str:
        return next(self._replies)

    def communicate(self) -> None:
        assert next(self._replies, None) is None  # the input has ended, so the loop is closed

    def _next(self) -> str | None:
        return self._questions.popleft() if self._questions else None


def test_help_names_the_settings():
    result = run_script("--help")
    assert result.returncode == 0
    assert all(name in result.stdout for name in ("--game", "--network", "--rounds", "--double", "--json"))


def test_a_run_without_peers_reports_the_work_done(tmp_path, run):
    numbers = tmp_path / "numbers.json"
    result = run(*ALONE, *TINY, "--json", str(numbers))
    assert result.returncode == 0, result.stderr
    assert "skipped: stable-baselines3, as asked" in result.stdout
    report = json.loads(numbers.read_text())
    ours = report["contenders"]["rlvision"]
    assert report["ratio_vs"] == {}
    assert len(ours["env_steps_per_second_of_rounds"]) == 2
    assert ours["env_steps_per_second"] / ours["updates_per_second"] == pytest.approx(8 / 8)
    assert ours["parameters"] == 4 * 25 * 16 + 16 + 16 * 25 * 32 + 32 + 32 * 25 * 32 + 32 + 1568 * 6 + 6


BESIDE = ("--norm", "batch", "--fixed", "--renorm", "--double")


def expect_four_of_ours(result: subprocess.CompletedProcess[str], numbers: Path) -> None:
    """Four contenders with the same updates, which the script checks, and no peer."""
    assert result.returncode == 0, result.stderr
    report = json.loads(numbers.read_text())
    assert [name.split(":")[0] for name in report["contenders"]] == [
        "rlvision",
        "rlvision (Double",
        "rlvision (norm renorm",
        "rlvision (norm fixed",
    ]
    assert report["ratio_vs"] == {}


def test_what_is_measured_beside_does_the_same_updates_and_is_no_peer(tmp_path, throughput, run, monkeypatch):
    popen = SimpleNamespace(Popen=InThisProcess, PIPE=subprocess.PIPE)
    monkeypatch.setattr(throughput, "subprocess", popen)
    numbers = tmp_path / "numbers.json"
    result = run(*ALONE, *TINY, *BESIDE, "--json", str(numbers))
    expect_four_of_ours(result, numbers)


@pytest.mark.slow
def test_what_is_measured_beside_does_so_in_processes_of_its_own(tmp_path):
    numbers = tmp_path / "numbers.json"
    result = run_script(*ALONE, *TINY, *BESIDE, "--json", str(numbers))
    expect_four_of_ours(result, numbers)


def test_trees_are_measured_in_turn_by_their_own_commands(tmp_path, run):
    numbers = tmp_path / "numbers.json"
    trees = [f"--tree=one:{sys.executable}", f"--tree=two:{sys.executable}"]
    few_updates = ("--samples-per-env-step", "2")
    result = run(*trees, *TINY, *few_updates, "--slice", "20", "--json", str(numbers))
    assert result.returncode == 0, result.stderr
    report = json.loads(numbers.read_text())
    assert list(report["trees"]) == ["one", "two"]
    rounds = [len(tree["of_rounds"]) for tree in report["trees"].values()]
    assert rounds == [2, 2]
    one, two = (tree["env_steps_per_second"] for tree in report["trees"].values())
    assert report["ratios"]["two / one"]["of_medians"] == pytest.approx(two / one)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--tree=one:/nowhere/python",), "expected --tree=NAME:PYTHON"),
        ((f"--tree=one:{sys.executable}",), "expected two trees or more"),
    ],
)
def test_a_tree_that_cannot_be_measured_is_refused(given, said, run):
    result = run(*given, *TINY)
    assert result.returncode == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    ("asked", "norm"),
    [
        ({}, "running"),
        ({"renorm": True}, "renorm"),
        ({"fixed": True}, "fixed"),
        ({"renorm": True, "fixed": True}, "renorm"),
    ],
)
def test_each_contender_has_the_normalisation_that_it_is_named_after(asked, norm, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from contenders.rlvision_dqn import norm_of, settings
    from contenders.work import Work

    chosen = norm_of(**{"renorm": False, "fixed": False} | asked)
    network = settings(Work(), double=False, norm=chosen).network
    assert (network.encoder, network.norm, network.momentum) == ("dn", norm, 0.1)
    assert settings(Work(norm="none"), double=False, norm=chosen).network.norm == "none"


def test_the_profile_shares_out_the_time(run):
    result = run(*TINY, "--profile")
    assert result.returncode == 0, result.stderr
    rows = [line.rsplit("%", 1)[0].rsplit(maxsplit=1) for line in result.stdout.splitlines() if "%" in line]
    assert {name.strip() for name, _ in rows} >= {"act", "store", "sample", "update", "all else"}
    assert sum(float(share) for _, share in rows) == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--batch-size", "48"), "8 * 8 and 48"),
        (("--slice", "1001"), "1001"),
        (("--rounds", "0"), "at least one round"),
        (("--fixed", "--network", "nature"), "beside --fixed, got nature"),
        (("--renorm", "--norm", "none"), "beside --renorm, got dn with none"),
    ],
)
def test_work_that_peers_cannot_do_is_refused(arguments, message, run):
    result = run(*ALONE, *arguments)
    assert result.returncode == 1
    assert message in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dn", "nature"])
def test_peers_do_equal_work(network, tmp_path):
    for package in ("stable_baselines3", "tianshou", "envpool", "torchrl"):
        pytest.importorskip(package)
    numbers = tmp_path / "numbers.json"
    result = run_script(
        *TINY, "--network", network, "--json", str(numbers)
    )  # it checks parameters, env steps and updates
    assert result.returncode == 0, result.stderr
    report = json.loads(numbers.read_text())
    assert set(report["ratio_vs"]) == set(PEERS)
    assert len({one["parameters"] for one in report["contenders"].values()}) == 1
