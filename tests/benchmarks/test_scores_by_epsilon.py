"""The cost of exploring is read off the tapes of the runs that are kept."""

import json
import sys
from pathlib import Path

import pytest

from rlvision.envs.game_archive import read_games

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
KEPT = BENCHMARKS / "results" / "pong-small"
RUN = KEPT / "77x77-n20-2e-4-seed2"


def printed(monkeypatch, capsys, *arguments):
    """The rows of the table, as lists of words."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from scores_by_epsilon import main

    monkeypatch.setattr(sys, "argv", ["scores_by_epsilon.py", *map(str, arguments)])
    main()
    lines = capsys.readouterr().out.splitlines()
    return [[word.strip() for word in line.strip("│").split("│")] for line in lines if line.startswith("│")]


def test_each_rung_has_the_games_of_its_environment(monkeypatch, capsys):
    rows = printed(monkeypatch, capsys, RUN)
    assert [row[1] for row in rows] == ["1.0000"] * 8  # at the first env step all explore
    assert sum(int(row[2]) for row in rows) == len(read_games(RUN / "tapes"))


def test_the_games_of_an_interval_are_those_of_the_runs_rows(monkeypatch, capsys):
    rows = printed(monkeypatch, capsys, RUN, "--since=100000", "--until=150000")
    metrics = [json.loads(line) for line in (RUN / "metrics.jsonl").read_text().splitlines()]
    scores = [row["episode/score"] for row in metrics if "episode/score" in row and 1e5 <= row["env_steps"] < 1.5e5]
    total = sum(int(row[2]) * float(row[3]) for row in rows)
    assert sum(int(row[2]) for row in rows) == len(scores)
    assert total == pytest.approx(sum(scores), abs=0.05 * len(scores))
    assert [row[1] for row in rows][::7] == ["0.1000", "0.0010"]


def test_an_interval_without_games_is_refused(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="expected games on the tapes"):
        printed(monkeypatch, capsys, RUN, "--since=900000")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("80x40-constant", "expected a run with exploration.kind=ladder"),
        ("77x77-n20-2e-4-final-seed1", "different ones"),
    ],
)
def test_runs_that_have_not_one_ladder_are_refused(monkeypatch, capsys, other, message):
    with pytest.raises(SystemExit, match=message):
        printed(monkeypatch, capsys, RUN, KEPT / other, "--since=150000")
