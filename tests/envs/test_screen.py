import numpy as np
import pytest

from rlvision.core.errors import EnvError
from rlvision.envs.screen import AtariScreen, GymnasiumScreen, make_screen


@pytest.mark.parametrize(
    ("game", "settings"),
    [
        ("pong", {"sticky": 0.25, "max_episode_frames": 150}),
        ("breakout", {"life_loss": True, "max_episode_frames": 400}),
        (
            "breakout",
            {"actions": ["NOOP", "LEFT"], "max_episode_frames": 150},
        ),  # a reset presses FIRE
        ("ms_pacman", {"sticky": 0.25, "fire_on_reset": False, "max_episode_frames": 202}),
    ],
)
def test_the_shadow_shows_what_the_observation_was_made_of(game, settings, atari):
    """Where the observation is the whole screen in colour, the brighter of the last two pictures is the observation."""
    env = atari(game, 1, height=210, width=160, gray=False, stack=1, reseed_after=90, **settings)
    screen = make_screen(env)
    env.reset(2)
    rng, games, seeds = np.random.default_rng(0), 0, {env.seeds()}
    np.testing.assert_array_equal(screen.first_frame(), env.observation[0].transpose(1, 2, 0))
    for _ in range(260):
        row = env.step(rng.integers(0, env.spec.num_actions, 1))
        pictures = screen.frames(row)
        games += int(env.first[0])
        seeds.add(env.seeds())
        assert len(pictures) == 1 if env.first[0] else 1 <= len(pictures) <= 4
        assert len(pictures) == 4 or env.first[0] or row.truncated[0] or game_over(row, env)
        assert screen.lives == env.lives[0]
        if not (row.truncated[0] or game_over(row, env)):  # there ale-py repeats the frames before
            expected = pictures[0] if env.first[0] else np.maximum(pictures[-1], pictures[-2])
            np.testing.assert_array_equal(expected, env.observation[0].transpose(1, 2, 0))
    assert games >= 2
    assert len(seeds) >= 2
    env.close()


def game_over(row, env):
    return row.terminated[0] and env.lives[0] == 0


def test_a_missed_step_is_noticed(atari):
    env = atari("pong", 1)
    screen = AtariScreen(env)
    env.reset(0)
    screen.first_frame()
    env.step(np.array([0]))
    with pytest.raises(EnvError, match="4 frames behind"):
        screen.frames(env.step(np.array([0])))
    with pytest.raises(EnvError, match="watch it from its reset"):
        screen.first_frame()
    env.close()


@pytest.mark.parametrize(("name", "frameskip", "fps"), [("CartPole-v1", 1, 50), ("odd_worlds:Odd", 2, 15)])
def test_one_picture_a_step_at_the_pace_of_the_environment(name, frameskip, fps, rendered):
    env = rendered(name, 1, frameskip=frameskip)
    assert make_screen(env).fps == fps
    env.close()


def test_only_one_environment_can_be_watched(atari):
    env = atari("pong", 2)
    with pytest.raises(EnvError, match="expected one environment to watch, got 2"):
        make_screen(env)
    env.close()


def test_other_worlds_show_their_own_pictures(rendered):
    env = rendered("odd_worlds:Odd", 1, height=2, width=2)
    screen = make_screen(env)
    env.reset(0)
    shown = [screen.first_frame(), *screen.frames(env.step(np.array([0])))]
    assert [picture.shape for picture in shown] == [(4, 6, 3), (4, 6, 3)]
    assert [int(picture[0, 0, 0]) for picture in shown] == [0, 10]
    env.close()


def test_a_gray_image_is_shown_in_three_equal_channels_and_is_a_copy(rendered):
    env = rendered("odd_worlds:GrayImage", 1)
    screen = make_screen(env)
    env.reset(0)
    first = screen.first_frame()
    (second,) = screen.frames(env.step(np.array([0])))
    assert (first == 0).all()
    assert (second == 10).all()
    assert second.shape == (4, 6, 3)
    env.close()


def test_worker_processes_cannot_be_watched(rendered):
    env = rendered("odd_worlds:Odd", 1, num_workers=1)
    with pytest.raises(EnvError, match="watch with num_workers=0"):
        GymnasiumScreen(env)
    env.close()
