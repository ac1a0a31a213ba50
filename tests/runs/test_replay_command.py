"""From training to the games of the training, as people do it."""

from rlvision.cli.main import main
from rlvision.runs.run import Run
from tests.conftest import COUNTING, PONG


def test_every_training_game_is_listed_and_can_be_replayed(tmp_path, watched, capsys, metrics, small):
    watched.train(small(tmp_path / "run"))
    run = Run(tmp_path / "run", device="cpu")
    scored = [row for row in metrics(tmp_path / "run") if "episode/score" in row]
    assert [(game.score, game.length, game.env_steps) for game in run.games()] == [
        (row["episode/score"], row["episode/length"], row["env_steps"]) for row in scored
    ]
    capsys.readouterr()
    assert main(["replay", str(tmp_path / "run")]) == 0
    listed = capsys.readouterr().out
    best = max(run.games(), key=lambda game: game.score)
    assert [line.split()[:4] for line in listed.splitlines() if line.startswith("best")] == [
        ["best", str(best.number), f"{best.score:g}", str(best.length)]
    ]
    assert f"{len(scored)} training games are kept, numbers 1 to {len(scored)}" in listed

    page = tmp_path / "best.html"
    assert main(["replay", str(tmp_path / "run"), "--episode=best", f"--html={page}", "--device=cpu"]) == 0
    told = capsys.readouterr().out
    assert f"training game {best.number}: the game of training: its score, length and last observation are" in told
    assert f"written to {page}" in told
    assert page.exists()


def test_a_game_of_atari_is_replayed_as_a_video(tmp_path, watched, small):
    watched.train(small(tmp_path / "run", PONG, evaluate_every=0))
    run = Run(tmp_path / "run", device="cpu")
    replayed = run.replay(1, video=tmp_path / "first.mp4")
    assert replayed.game == run.games()[0]
    assert [(game.score, game.length) for game in replayed.seen] == [(replayed.game.score, replayed.game.length)]
    assert replayed.outcome.startswith("the game of training")
    assert (tmp_path / "first.mp4").stat().st_size > 1000


def test_a_run_that_keeps_no_tapes_says_so(tmp_path, watched, capsys, small):
    watched.train(small(tmp_path / "run", COUNTING, checkpoint__game_archive_mb=0))
    assert not (tmp_path / "run" / "games").exists()
    assert main(["replay", str(tmp_path / "run")]) == 2
    assert "expected recorded training games in the run folder, got none" in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "nowhere")]) == 2
    assert "expected a run folder" in capsys.readouterr().err
