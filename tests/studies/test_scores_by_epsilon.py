"""The cost of exploring is read off the action logs of the runs that are kept."""

import json
import sys

import pytest

from rlvision.config.loading import load_config
from rlvision.envs.game_archive import read_games
from rlvision.runs.training import train
from tests.conftest import DQN

RUN = "77x77-n20-2e-4-seed2"


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A short run with a ladder of epsilons."""
    out = tmp_path_factory.mktemp("epsilon") / "run"
    settings = {"env_steps": 1_600, "replay.learning_starts": 1_600, "evaluate_every": 0, "wandb": "disabled"}
    ladder = {"exploration.kind": "ladder", "exploration.decay_env_steps": 400, "evaluation.games": 1}
    train(load_config(DQN, {**settings, **ladder, "out": str(out)}))
    return out


def kept(name):
    """A run of the table."""
    from studies.table import read_table, table_path

    return read_table(table_path("pong"))[name]


def printed(monkeypatch, capsys, *arguments):
    """The rows of the table, as lists of words."""
    from studies.pong.scores_by_epsilon import main

    monkeypatch.setattr(sys, "argv", ["scores_by_epsilon.py", *map(str, arguments)])
    main()
    lines = capsys.readouterr().out.splitlines()
    return [[word.strip() for word in line.strip("│").split("│")] for line in lines if line.startswith("│")]


def test_each_rung_has_the_games_of_its_environment(monkeypatch, capsys):
    rows = printed(monkeypatch, capsys, RUN)
    assert [row[1] for row in rows] == ["1.0000"] * 8  # at the first env step all explore
    assert [int(row[2]) for row in rows] == [kept(RUN).games["env"].count(env) for env in range(8)]
    assert sum(int(row[2]) for row in rows) == len(kept(RUN).games["score"])


def test_the_games_of_an_interval_are_those_of_the_runs_rows(monkeypatch, capsys):
    rows = printed(monkeypatch, capsys, RUN, "--since=100000", "--until=150000")
    metrics = list(kept(RUN).metrics())
    scores = [row["episode/score"] for row in metrics if "episode/score" in row and 1e5 <= row["env_steps"] < 1.5e5]
    total = sum(int(row[2]) * float(row[3]) for row in rows)
    assert sum(int(row[2]) for row in rows) == len(scores)
    assert total == pytest.approx(sum(scores), abs=0.05 * len(scores))
    assert [row[1] for row in rows][::7] == ["0.1000", "0.0010"]


def test_the_games_of_a_run_folder_are_those_of_its_tapes_and_its_rows(monkeypatch, capsys, short):
    rows = printed(monkeypatch, capsys, short, "--since=500")
    taped = [game for game in read_games(short / "games") if game.env_steps >= 500]
    metrics = [json.loads(line) for line in (short / "metrics.jsonl").read_text().splitlines()]
    scores = [row["episode/score"] for row in metrics if "episode/score" in row and row["env_steps"] >= 500]
    assert sorted(game.score for game in taped) == sorted(scores)
    for row in rows:
        own = [game for game in taped if game.env == int(row[0])]
        assert int(row[2]) == len(own)
        assert float(row[3]) == pytest.approx(sum(game.score for game in own) / len(own), abs=0.051)


def test_an_interval_without_games_is_refused(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="expected recorded games"):
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
        printed(monkeypatch, capsys, RUN, other, "--since=150000")
