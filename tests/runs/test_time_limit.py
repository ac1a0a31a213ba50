"""Worlds without an end: evaluations cut their games and say so, in training and afterwards, and propose a limit."""

import gymnasium
import pytest

from rlvision.cli import main as cli
from rlvision.config.loading import load_config
from rlvision.core.types import EnvSpec, Episode
from rlvision.envs.settings import EnvSettings
from rlvision.evaluation import episode_limits
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.result import Evaluation
from rlvision.runs import session, time_limit
from rlvision.runs.eval_protocol import make_limits
from rlvision.runs.run import Run
from rlvision.runs.time_limit import EndlessNotice, advise, declares_limit, propose, watch_steps, without_needless_cap
from rlvision.runs.training import train

ENDLESS = {"env.game": "odd_checks:Endless", "env.crop": None, "env.height": 29, "env.width": 29, "env.frameskip": 1}
CUT = "3 of 3 games were cut and count with their scores so far (not over after 40 decisions)"


@pytest.fixture
def short(monkeypatch):
    """Games of worlds without a limit are cut after 40 decisions."""
    monkeypatch.setattr(episode_limits, "MOST_DECISIONS", 40)
    monkeypatch.setattr(time_limit, "MOST_DECISIONS", 40)


@pytest.fixture
def registered():
    names = {"Limited-v0": 50, "Unlimited-v0": None}
    for name, steps in names.items():
        gymnasium.register(name, "odd_checks:Endless", max_episode_steps=steps)
    yield
    for name in names:
        del gymnasium.registry[name]


@pytest.mark.parametrize(
    ("env", "is_limited"),
    [
        ({"game": "pong"}, True),
        ({"game": "CartPole-v1"}, True),
        ({"game": "odd_checks:Endless"}, False),
        ({"game": "odd_checks:Endless", "max_episode_steps": 7}, True),
        ({"game": "Limited-v0"}, True),
        ({"game": "odd_checks:Limited-v0"}, True),
        ({"game": "Unlimited-v0"}, False),
        ({"game": "object:lambda-1"}, False),
    ],
)
def test_a_world_has_a_limit_by_its_kind_by_the_setting_or_by_its_registration(registered, env, is_limited):
    settings = EnvSettings(**env)
    assert declares_limit(settings) is is_limited
    assert watch_steps(settings) == (None if is_limited else 10_000)
    capped = EpisodeLimits(max_decisions=10_000)
    assert without_needless_cap(capped, settings) == (EpisodeLimits() if is_limited else capped)


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({}, EpisodeLimits(108_000, 18_000, 10_000)),
        ({"evaluation.max_frames": 500}, EpisodeLimits(500, 18_000, None)),
        ({"env.max_episode_steps": 20_000}, EpisodeLimits(108_000, 18_000, None)),
    ],
)
def test_a_chosen_limit_takes_the_place_of_the_cap(settings, limits):
    assert make_limits(load_config("pixels", {"env.game": "odd_checks:Endless", **settings})) == limits


@pytest.mark.parametrize(
    ("longest", "frameskip", "steps"), [(0, 1, 1_000), (0, 4, 4_000), (400, 1, 1_000), (700, 1, 2_000), (700, 3, 5_000)]
)
def test_twice_the_longest_game_is_proposed(longest, frameskip, steps):
    assert propose(longest, frameskip) == f"env=dict(max_episode_steps={steps})"


def test_the_longest_game_that_ended_counts_and_those_cut_do_not():
    config = load_config("pixels", {"env.game": "odd_checks:Endless"})
    games = tuple(Episode(1.0, length, 2 * length, 0) for length in (800, 9_000, 700))
    (said,) = advise(config, Evaluation(games, {1: "not over"}))
    assert said == (
        "1 of 3 games were cut and count with their scores so far (not over): env=dict(max_episode_steps=4000) "
        "in a new run ends games"
    )
    assert list(advise(config, Evaluation(games))) == []
    assert list(advise(load_config("pong"), Evaluation(games, {1: "not over"}))) == []


def test_evaluations_end_in_training_and_afterwards_and_propose_a_limit(short, tmp_path, capsys, small):
    run = train(small(tmp_path / "run", ENDLESS, env_steps=48, evaluate_every=24, evaluation__games=3))
    said = capsys.readouterr().out
    assert said.count(CUT) == 2
    assert f"{CUT}: env=dict(max_episode_steps=1000) in a new run ends games" in said
    report = run.measure(games=3)
    assert [episode.length for episode in report.evaluation.episodes] == [40] * 3
    assert report.advice[0].startswith(CUT)
    assert cli.main(["evaluate", str(tmp_path / "run"), "--games=3", "--trust-imports"]) == 0
    said = capsys.readouterr().out
    assert f"{CUT}: --env.max_episode_steps=1000 in a new run ends games" in said
    assert "all: not over after 40 decisions" in " ".join(said.replace("│", " ").split())
    assert cli.main(["evaluate", str(tmp_path / "run"), "--games=3", "--max-frames=70", "--trust-imports"]) == 0
    assert "not over after 70 frames" in " ".join(capsys.readouterr().out.split())


def test_a_video_ends_and_says_so(short, tmp_path, capsys, small):
    train(small(tmp_path / "run", ENDLESS, env_steps=24))
    video = tmp_path / "game.gif"
    assert cli.main(["watch", str(tmp_path / "run"), f"--video={video}", "--trust-imports"]) == 0
    said = capsys.readouterr().out
    assert "in 40 decisions, cut short" in said
    assert "this world declares no limit: --max-steps shows more decisions of a game" in said
    (game,) = Run(tmp_path / "run", trust_imports=True).watch(video, max_steps=50)
    assert (game.length, game.over) == (50, False)


def test_a_world_with_a_limit_of_its_own_is_cut_by_it_alone(short, registered, tmp_path, small, monkeypatch):
    world, seen, play = {**ENDLESS, "env.game": "Limited-v0"}, [], session.evaluate
    monkeypatch.setattr(session, "evaluate", lambda *args, **how: seen.append(play(*args, **how)) or seen[-1])
    run = train(small(tmp_path / "run", world, env_steps=24, evaluation__games=2))
    assert [episode.length for episode in seen[0].episodes] == [50, 50]
    report = run.measure(games=2)
    assert ([episode.length for episode in report.evaluation.episodes], report.advice) == ([50, 50], ())


def noticed(env, episodes, counts):
    said, shown = [], []
    notice = EndlessNotice(env, EnvSpec(4, (4, 29, 29), 1, ("0",), 2), lambda: episodes, said.append)
    show = notice.before(shown.append)
    for env_steps in counts:
        show(env_steps)
    assert shown == counts
    return said


def test_training_without_the_end_of_a_game_says_so_once():
    env = EnvSettings(game="odd_checks:Endless")
    line = (
        "no game has ended in 8,000 env steps: env=dict(max_episode_steps=2000) in a new run ends games, if this world "
        "has no end"
    )
    assert noticed(env, 0, [7_996, 8_000, 8_004]) == [line]
    assert noticed(env, 1, [8_000, 8_004]) == []
    assert noticed(EnvSettings(game="pong"), 0, [8_000, 1_000_000]) == []


def test_a_run_prints_that_no_game_ended(monkeypatch, short, tmp_path, capsys, small):
    monkeypatch.setattr(time_limit, "PATIENCE", 10)
    train(small(tmp_path / "run", ENDLESS, env_steps=60))
    assert capsys.readouterr().out.count("no game has ended in ") == 1
