"""``rlvision compare`` and ``rlvision plot``, as somebody types them."""

import json

import pytest

from rlvision.analysis.study import compare_runs
from rlvision.cli import main as cli
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.runs.run import Run


@pytest.fixture
def runs(tmp_path, monkeypatch, store_run):
    """Two seeds and another agent, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for seed, score in ((1, 14.6), (2, -3.05)):
        store_run(tmp_path / f"a{seed}", seed=seed, evaluations=[(100, -20.7), (2_000, score)], games=[(50, 1.0)])
    store_run(tmp_path / "b", evaluations=[(2_000, -20.7)], games=[(50, 1.0)], settings={"network.norm": "layer"})
    return ["a1", "b", "a2"]


def test_compare_prints_tables_and_writes_numbers(runs, capsys, tmp_path):
    assert cli.main(["compare", *runs, "--json=made/numbers.json", "--baselines=rainbow"]) == 0
    out, errors = capsys.readouterr()
    assert errors == ""
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "human-normalised scores over pong (below: 95 % interval)"
    first = next(place for place, line in enumerate(lines) if line.startswith("dn-renorm n=3"))
    assert lines[first] == "dn-renorm n=3 2 8k 0.750 0.750 0.750 0.250 a"
    assert lines[first + 1].startswith("0.500 to")
    assert any(line.startswith("dn-layer n=3 1 8k 0.000 0.000 0.000 1.000 a") for line in lines)
    assert "a: nature, ε 0.001, 10 games a run" in lines
    assert max(map(len, out.splitlines())) < 140
    plain = json.loads((tmp_path / "made" / "numbers.json").read_text())
    assert plain["human_normalised"]["dn-renorm n=3"]["mean"]["interval"] == pytest.approx([0.5, 1.0])


def test_plot_writes_where_it_is_told(runs, capsys):
    assert cli.main(["plot", *runs, "--out=new/curves.svg", "--y=evaluations", "--x=frames", "--band=interval"]) == 0
    assert capsys.readouterr().out == "written to new/curves.svg\n"


def test_compare_says_which_pictures_it_drew_and_that_it_could_draw_none(runs, capsys, tmp_path, store_run):
    assert cli.main(["compare", "a1", "--out=drawn"]) == 0
    assert "written to drawn/aggregates.png" in capsys.readouterr().out.splitlines()
    store_run(tmp_path / "c", game="breakout", evaluations=[(2_000, 20.0)], settings={"network.norm": "layer"})
    assert cli.main(["compare", "a1", "c", "--out=empty"]) == 0
    assert "no plots: no game was played by every agent" in capsys.readouterr().out.splitlines()


ONE_OR_MORE = "expected RUN ... after rlvision"


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("compare", f"{ONE_OR_MORE} compare, got nothing: rlvision compare --help explains it"),
        ("plot --x=hours", f"{ONE_OR_MORE} plot, got nothing: rlvision plot --help explains it"),
        (
            "compare a1 --protocol=nature",
            "expected --games with --protocol, got --protocol=nature alone: add --games=30",
        ),
        ("compare a1 --seed=0", "expected --games with --seed, got --seed=0 alone: add --games=30"),
        (
            "compare a1 a2 a1",
            "expected every seed of an agent once, got seed 1 from a1 and a1: leave one of them out",
        ),
        ("plot a1 --out=a.jpg", "expected a picture (.png or .svg) in --out, got a.jpg: name one"),
        ("plot a1 --x=hours", "expected time/hours in the metrics of a1, got none yet: use env_steps"),
        (
            "compare a1 --out=a1/config.yaml",
            "expected a folder to write in --out, got the file a1/config.yaml: name another",
        ),
        (
            "compare a1 --games=2",
            "expected a checkpoint in a1/checkpoints, got none: train first, or wait for the first one",
        ),
    ],
)
def test_a_mistake_is_one_line_and_creates_nothing(command, line, runs, capsys, tmp_path):
    assert cli.main(command.split()) == 2
    assert capsys.readouterr() == ("", f"rlvision: {line}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a1", "a2", "b"]


def test_games_are_played_anew_where_that_is_asked_for():
    how = {"protocol": "machado", "seed": 3, "limits": EpisodeLimits(max_frames=40)}
    [result] = compare_runs(["pong"], games=2, baselines=[], **how).results
    [score] = result.scores
    assert (score.games, score.env_steps, score.protocol) == (2, 299_112, "machado (full_action_space false)")
    assert score.mean == Run("pong").evaluate(games=2, **how).mean


@pytest.mark.slow
def test_whole_games_by_command(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["compare", "pong", "--games=1", "--protocol=machado", "--seed=3", "--json=n.json"]) == 0
    [result] = json.loads((tmp_path / "n.json").read_text())["games"]
    [run] = result["runs"]
    assert (run["games"], run["protocol"]) == (1, "machado (full_action_space false)")
    assert -21 <= run["mean"] <= 21
