import numpy as np
import pytest

from rlvision.core.errors import EnvCrashError, EnvError
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


@pytest.mark.parametrize("world", ["odd_worlds:Odd", "odd_worlds:GrayImage", "rlvision.envs.counting_env:CountingEnv"])
def test_a_worker_sends_its_pictures(world, rendered):
    here, there = rendered(world, 3), rendered(world, 3, num_workers=2)
    for env in (here, there):
        env.reset(0)
    for step in range(8):
        for place in range(3):
            here_screen, there_screen = GymnasiumScreen(here, place), GymnasiumScreen(there, place)
            np.testing.assert_array_equal(here_screen.picture(), there_screen.picture())
            assert here_screen.fps == there_screen.fps
        for env in (here, there):
            env.step(np.full(3, step % 3))
    for env in (here, there):
        env.close()


def test_a_picture_that_is_never_drawn_costs_the_game_and_not_more(rendered):
    env = rendered("faulty_worlds:DrawnTwice", 4, num_workers=2, step_timeout=1.0)
    env.reset(0)
    env.step(np.zeros(4, dtype=np.int64))
    with pytest.raises(EnvCrashError, match="expected environment 3 of faulty_worlds:DrawnTwice to work, got no end"):
        GymnasiumScreen(env, 3).picture()
    env.step(np.zeros(4, dtype=np.int64))
    assert env.first.tolist() == [False, False, True, True]
    env.close()


def test_no_picture_is_asked_for_in_the_middle_of_a_step(rendered):
    env = rendered("odd_worlds:Odd", 1, num_workers=1)
    env.reset(0)
    env.send(np.zeros(1, dtype=np.int64))
    with pytest.raises(EnvError, match="recv"):
        GymnasiumScreen(env).picture()
    env.recv()
    assert (GymnasiumScreen(env).picture() == 10).all()
    env.close()
