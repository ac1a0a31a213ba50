"""The throughput benchmark runs, does the work it says, and refuses work that cannot be equal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "throughput.py"
PEERS = ("stable-baselines3", "tianshou", "torchrl")
ALONE = ("--without", *PEERS)
SIZES = {"rounds": 2, "slice": 8, "num-envs": 4, "prefill": 64, "capacity": 400, "threads": 1, "batch-size": 8}
TINY = ("--norm", "none", *(word for name, size in SIZES.items() for word in (f"--{name}", str(size))))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)


def test_help_names_the_settings():
    result = run("--help")
    assert result.returncode == 0
    assert all(name in result.stdout for name in ("--game", "--network", "--rounds", "--double", "--json"))


def test_a_run_without_peers_reports_the_work_done(tmp_path):
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


def test_what_is_measured_beside_does_the_same_updates_and_is_no_peer(tmp_path):
    numbers = tmp_path / "numbers.json"
    result = run(
        *ALONE, *TINY, "--norm", "batch", "--fixed", "--renorm", "--double", "--json", str(numbers)
    )  # it checks the updates
    assert result.returncode == 0, result.stderr
    report = json.loads(numbers.read_text())
    assert [name.split(":")[0] for name in report["contenders"]] == [
        "rlvision",
        "rlvision (Double",
        "rlvision (norm renorm",
        "rlvision (norm fixed",
    ]
    assert report["ratio_vs"] == {}


def test_trees_are_measured_in_turn_by_their_own_commands(tmp_path):
    numbers = tmp_path / "numbers.json"
    trees = [f"--tree=one:{sys.executable}", f"--tree=two:{sys.executable}"]
    result = run(*trees, *TINY, "--slice", "20", "--json", str(numbers))
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
def test_a_tree_that_cannot_be_measured_is_refused(given, said):
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


def test_the_profile_shares_out_the_time():
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
def test_work_that_peers_cannot_do_is_refused(arguments, message):
    result = run(*ALONE, *arguments)
    assert result.returncode == 1
    assert message in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dn", "nature"])
def test_peers_do_equal_work(network, tmp_path):
    for package in ("stable_baselines3", "tianshou", "envpool", "torchrl"):
        pytest.importorskip(package)
    numbers = tmp_path / "numbers.json"
    result = run(*TINY, "--network", network, "--json", str(numbers))  # it checks parameters, env steps and updates
    assert result.returncode == 0, result.stderr
    report = json.loads(numbers.read_text())
    assert set(report["ratio_vs"]) == set(PEERS)
    assert len({one["parameters"] for one in report["contenders"].values()}) == 1
