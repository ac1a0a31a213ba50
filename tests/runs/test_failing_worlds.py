"""A run whose environments fail: it goes on, its scores are those of whole games, and it continues bit for bit."""

import sys
from contextlib import closing

import pytest

from rlvision.cli.main import main
from rlvision.config.loading import save_config
from rlvision.core.errors import EnvError
from rlvision.core.seeding import derive
from rlvision.envs.counting_env import read, reward
from rlvision.runs.builders import make_one
from rlvision.runs.checkpoint import read_state
from rlvision.runs.training import train
from tests.conftest import COUNTING
from tests.own.flaky_worlds import LENGTH


def world(name, **kwargs):
    return {**COUNTING, "env.game": f"flaky_worlds:{name}", "env.kwargs": kwargs, "env.max_restarts": 1000}


@pytest.mark.parametrize(
    ("how", "num_workers", "env_steps", "stops"),
    [
        ("raise", 0, 120, (43, 87)),
        ("kill", 1, 60, (43,)),
        pytest.param("kill", 2, 200, (43, 87, 141), marks=pytest.mark.slow),
    ],
)
def test_a_flaky_world_costs_games_and_nothing_else(
    tmp_path, monkeypatch, watched, caplog, how, num_workers, env_steps, stops, differences, everything, small, stop_at
):
    flaky = world("Flaky", how=how)
    settings = {"env__num_workers": num_workers, "evaluate_every": 0, "evaluation__games": 1, "env_steps": env_steps}
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", flaky, **settings)))
    assert "Flaky to work, got" in caplog.text
    games = [row for row in undisturbed["metrics"] if "episode/score" in row]
    assert games
    for game in games:
        seed = int(game["episode/seed"])
        assert seed % 3 != 0
        assert game["episode/length"] == LENGTH
        assert game["episode/score"] == sum(reward(seed, step) for step in range(1, LENGTH + 1))
    config = small(tmp_path / "continued", flaky, **settings)
    for stop in stops:
        stop_at(monkeypatch, stop)
        watched.train(config)
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_a_world_that_hangs_in_a_video_costs_the_video_and_nothing_else(tmp_path, watched, caplog, small):
    with closing(make_one(small(tmp_path / "like", COUNTING))) as env:
        env.reset(derive(1, "video at 60"))
        game, _ = read(env.observation[0][-1])
    hanging = {"how": "hang", "games": [game], "lengths": [6]}
    settings = {"env.game": "faulty_worlds:Failing", "env.kwargs": hanging, "env.num_workers": 1}
    shown = {"tracking__video_every": 1, "env_steps": 60, "seed": 1, "env__step_timeout": 1.0}
    watched.train(small(tmp_path / "run", {**COUNTING, **settings}, **shown))
    assert caplog.text.count("to work, got no end of a step or reset after 1 s") == 1
    assert read_state(tmp_path / "run" / "checkpoints" / "000000000060.ckpt")["env_steps"] == 60


def test_a_world_that_fails_for_good_ends_the_run_which_goes_on_once_it_is_mended(
    tmp_path, monkeypatch, capsys, small, stop_at
):
    (tmp_path / "petrol").touch()
    settings = {**world("OnPetrol", path=str(tmp_path / "petrol")), "env.max_restarts": 2}
    config = small(tmp_path / "run", settings, evaluate_every=0)
    path = tmp_path / "run.yaml"
    save_config(config, path)
    monkeypatch.setattr(sys, "argv", ["rlvision"])
    stop_at(monkeypatch, 50)
    assert main(["train", str(path)]) == 0
    (tmp_path / "petrol").unlink()
    capsys.readouterr()
    assert main(["train", str(path)]) == 2
    said = capsys.readouterr()
    *_, last = said.err.splitlines()
    assert "got OSError: out of petrol (flaky_worlds.py:" in last
    assert last.endswith(", 3 times within 1,000 steps: fix the environment, or raise env.max_restarts (2)")
    (tmp_path / "petrol").touch()
    assert main(["train", str(path)]) == 0


def test_what_was_learned_before_a_world_is_refused_is_saved_and_nothing_of_the_step_kept(tmp_path, watched, small):
    with pytest.raises(EnvError, match=r"expected a finite reward, got nan: .*step 5 of the game") as refused:
        train(small(tmp_path, {**COUNTING, "env.game": "flaky_worlds:Poisoned", "env.kwargs": {"lengths": [9]}}))
    assert "environment 0 of flaky_worlds:Poisoned" in str(refused.value)
    newest = max((tmp_path / "checkpoints").glob("[0-9]*.ckpt"))
    state = read_state(newest)
    ring = watched.sessions[-1]._agent.memory._ring
    assert int(newest.stem) == state["env_steps"] == 2 * ring.rows == 8  # the fifth step of two environments failed
    assert not (tmp_path / "metrics.jsonl").exists()  # no game was over, no row was due
