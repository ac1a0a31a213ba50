"""The look at a world before training: what it finds, in worlds made to have it."""

import numpy as np
import pytest

from rlvision.cli import main as cli
from rlvision.config.loading import load_config
from rlvision.runs.world_check import check_world


@pytest.fixture
def look():
    def _look(world, decisions=120, **overrides):
        config = load_config(f"odd_checks:{world}", {"env.height": 29, "env.width": 29, **overrides})
        return check_world(config, decisions, seed=3)

    return _look


def test_a_sound_world_is_described_and_nothing_is_wrong(look):
    report = look("Sound")
    assert report.problems == ()
    assert report.actions == ("left", "right")
    assert report.screen.shape == (40, 48, 3)
    assert report.observation.shape == (4, 29, 29)
    assert len(report.rewards) == 120
    assert set(report.rewards) == {0.0, 1.0}
    assert {episode.length for episode in report.episodes} == {10}
    assert {episode.score for episode in report.episodes} == {1.0}
    assert report.seen[0] == "the agent sees its observation (uint8 [40, 48, 3]), in gray"
    assert report.seen[-1] == "the network sees the whole 29x29 picture"
    assert report.decisions_per_second > 0


def test_the_moment_of_the_largest_reward_is_shown(look):
    report = look("Sound")
    assert report.screen[0, 0, 0] == 9 * 20  # the ninth step of ten pays
    assert report.observation[-1, 0, 0] == pytest.approx(180, abs=1)


@pytest.mark.parametrize(
    ("world", "problem"),
    [
        ("NoReward", "no reward in 120 random decisions"),
        ("LargeReward", "rewards reach 250: set agent.reward_scale=0.004, or agent.reward_clip"),
        ("Endless", "no game ended in 120 decisions: give it an end, or set env=dict(max_episode_steps=1000)"),
        ("Blind", "the picture never changes: draw the state of the game into it"),
        ("Black", "the picture never changes: draw the state of the game into it; it is black: if its pictures run"),
        (
            "Dim",
            "no pixel is brighter than 14 of 255: if its pictures run from 0 to 14, declare Box(0, 14, ...), or",
        ),
        (
            "OneGray",
            "the colours [0, 102, 0] and [200, 0, 0] (red, green, blue) are the same gray: set env=dict(gray=False)",
        ),
        ("Forgetful", "the same seed and actions gave another game"),
        ("Always", "two seeds gave the same 200 decisions"),
        ("Unscaled", "no pixel is brighter than 1 of 255: if its pictures run from 0 to 1, declare Box(0, 1, ...)"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(look, world, problem):
    (said,) = look(world).problems
    assert said.startswith(problem)


def test_colours_are_no_problem_where_they_are_seen_or_many(look):
    assert look("OneGray", **{"env.gray": False}).problems == ()
    assert look("Photo").problems == ()


def test_a_bounded_reward_is_no_problem(look):
    assert look("LargeReward", **{"agent.reward_clip": 1.0}).problems == ()


def test_the_command_shows_it_on_a_screen_and_in_a_picture(tmp_path, capsys):
    out = tmp_path / "world.png"
    assert cli.main(["check", "odd_checks:NoReward", f"--out={out}", "--decisions=60", "--seed=1"]) == 0
    said = capsys.readouterr().out
    for words in ("odd_checks:NoReward", "2: left, right", "other than 0 in 0 of 60 decisions", "! no reward in 60"):
        assert words in said
    assert out.read_bytes().startswith(b"\x89PNG")
    assert np.asarray(out.stat().st_size) > 1_000


def test_atari_is_checked_too(tmp_path, capsys):
    out = tmp_path / "pong.png"
    assert cli.main(["check", "ALE/Pong-v5", f"--out={out}", "--decisions=80"]) == 0
    said = capsys.readouterr().out
    assert "6: NOOP, FIRE, RIGHT, LEFT, RIGHTFIRE, LEFTFIRE" in said
    assert "210x160" in said
    assert "no game ended in 80 decisions: give it an end, or set env.max_episode_frames" in said


def test_a_picture_of_another_kind_is_refused_before_anything_is_played(capsys):
    assert cli.main(["check", "odd_checks:Sound", "--out=world.gif"]) == 2
    assert "expected a picture (.png or .svg) in --out, got world.gif" in capsys.readouterr().err


def test_settings_of_the_world_may_follow_the_command(tmp_path, capsys):
    given = ["check", "odd_checks:Sized", f"--out={tmp_path / 'a.png'}", "--decisions=20"]
    assert cli.main([*given, "--env.kwargs={height: 44}", "--env.stack=2"]) == 0
    said = capsys.readouterr().out
    assert "44x48" in said
    assert "2x77x77 (channels, height, width)" in said
    assert cli.main([*given, "--agent.n-step=4"]) == 2
    assert "expected an option of rlvision check, got '--agent.n-step'" in capsys.readouterr().err
    assert cli.main(["check"]) == 2
    assert "expected one WORLD after rlvision check, got nothing" in capsys.readouterr().err


@pytest.mark.parametrize(("world", "place"), [("Asked", "action_masks()"), ("Inside", "observation")])
def test_masks_in_other_places_are_pointed_out(look, world, place):
    assert any(f"has masks of legal actions in its {place};" in line for line in look(world).seen)


@pytest.mark.parametrize(
    ("world", "seeds"),
    [
        ("Sound", "the same seed gives the same game, another seed gives another game"),
        ("Always", "the same seed gives the same game, another seed gives the same game"),
        ("Forgetful", "the same seed gives another game"),
    ],
)
def test_the_screen_says_what_seeds_do(world, seeds, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    options = ("--decisions=120", "--env.height=29", "--env.width=29", f"--out={tmp_path / 'check.png'}")
    assert cli.main(["check", f"odd_checks:{world}", *options]) == 0
    screen = capsys.readouterr().out
    assert f"│ seeds       │ {seeds} " in screen
    assert "│ games       │ 10 of 10 decisions, scores 1 " in screen
