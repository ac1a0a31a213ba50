"""Public objects say in one line what they are."""

import pytest

import rlvision
from rlvision.core.types import Episode
from rlvision.envs.game_archive import RecordedGame
from rlvision.evaluation.report import EvalConditions, Report
from rlvision.evaluation.result import Evaluation
from rlvision.runs.export_folder import ExportFolder
from rlvision.runs.run_folder import RunFolder
from rlvision.watch.game_replay import ReplayResult
from tests.runs.conftest import ENV_STEPS

PLAYED = Evaluation((Episode(10.0, 5, 20, 1), Episode(10.0, 7, 28, 2)))
GAME = RecordedGame(12, 3, 17, 0, 9_000, -21.0, 1_234, "5f", 1, bytes(10_000))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (PLAYED, "Evaluation(2 games, mean 10.00, 95 % interval 10.00 to 10.00)"),
        (Evaluation(()), "Evaluation(no games)"),
        (
            Report(EvalConditions("pong", "nature", {}, 0.05, 3), PLAYED),
            f"Report(pong, protocol nature, epsilon 0.05, seed 3: {PLAYED!r})",
        ),
        (
            Report(EvalConditions("CartPole-v1", None, {}, 0, 0), Evaluation(PLAYED.episodes[:1])),
            "Report(CartPole-v1, epsilon 0, seed 0: Evaluation(1 game, mean 10.00, 95 % interval 10.00 to 10.00))",
        ),
        (GAME, "RecordedGame(12: score -21 in 1,234 decisions, environment 3, after 9,000 env steps)"),
        (ReplayResult(GAME, (), "the same game"), "ReplayResult(game 12: the same game)"),
        (RunFolder("runs/it"), "RunFolder('runs/it')"),
        (ExportFolder("exports/it"), "ExportFolder('exports/it')"),
    ],
    ids=lambda found: type(found).__name__,
)
def test_an_object_says_what_it_is(found, words):
    assert repr(found) == words


def test_a_run_says_what_was_trained(tmp_path, monkeypatch, small_run):
    monkeypatch.chdir(tmp_path)
    small_run(tmp_path / "it")
    assert repr(rlvision.load("it")) == f"Run('it': dqn in CartPole-v1, weights of env step {ENV_STEPS:,})"
