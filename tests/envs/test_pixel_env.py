"""Environments behind Gymnasium's interfaces: checks, seeds, ends, failures, screens, and the rows' own games."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import PassiveEnvChecker

from rlvision.core.errors import ConfigError, EnvError
from rlvision.envs.counting_env import read
from rlvision.envs.pixel_env import PixelEnv, PixelVectorEnv
from rlvision.envs.settings import EnvSettings

COUNTING = EnvSettings(game="rlvision.envs.counting_env:CountingEnv", height=36, width=36, stack=2, kwargs={"size": 36})
CARTPOLE = EnvSettings(game="CartPole-v1", height=40, width=60)
BREAKOUT = EnvSettings(game="breakout", height=36, width=36, stack=2, max_episode_frames=120)
KINDS = pytest.mark.parametrize("settings", [COUNTING, CARTPOLE, BREAKOUT], ids=["own", "rendered", "atari"])


def sums(env, steps, seed=0):
    """The results of random play, each a tuple of five without the info."""
    rng = np.random.default_rng(seed)
    env.reset(seed=4)
    return [env.step(rng.integers(0, 2, env.num_envs))[:4] for _ in range(steps)]


@KINDS
def test_gymnasiums_check_accepts_it(settings):
    with closing(PixelEnv(settings)) as env:
        check_env(env)


@KINDS
def test_the_spaces_are_those_of_what_is_returned(settings):
    with closing(PassiveEnvChecker(PixelEnv(settings))) as env, closing(PixelVectorEnv(settings, 2)) as vector:
        observation, _ = env.reset(seed=0)
        assert env.observation_space == vector.single_observation_space == Box(0, 255, observation.shape, np.uint8)
        assert env.action_space == vector.single_action_space == Discrete(env.action_space.n)
        assert vector.action_space == MultiDiscrete([env.action_space.n] * 2)
        assert vector.reset(seed=0)[0] in vector.observation_space
        observation, reward, *ends, info = env.step(env.action_space.sample())
        assert (type(reward), [type(end) for end in ends], type(info)) == (float, [bool, bool], dict)
        observation, *numbers, _ = vector.step(vector.action_space.sample())
        assert observation in vector.observation_space
        assert [array.dtype for array in numbers] == [np.float64, np.bool_, np.bool_]
        assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        assert vector.metadata["render_fps"] == env.metadata["render_fps"] > 0


@KINDS
def test_environment_i_of_a_vector_is_one_with_the_seed_s_plus_i(settings):
    with closing(PixelVectorEnv(settings, 3)) as vector:
        results = sums(vector, 70)
        assert sum((step[2] | step[3]).sum() for step in results) >= 3
        for place in range(3):
            with closing(PixelEnv(settings)) as env:
                env.reset(seed=4 + place)
                rng, over = np.random.default_rng(0), False
                for observations, rewards, terminated, truncated in results:
                    action = int(rng.integers(0, 2, 3)[place])
                    step = (env.reset()[0], 0.0, False, False) if over else env.step(action)[:4]
                    np.testing.assert_array_equal(step[0], observations[place])
                    assert step[1:] == (rewards[place], terminated[place], truncated[place])
                    over = step[2] or step[3]


@KINDS
def test_one_environment_plays_the_games_of_our_rows(settings, made):
    kept = {name: value for name, value in vars(settings).items() if name not in ("game", "num_envs", "life_loss")}
    with closing(PixelEnv(settings)) as env, closing(made(settings.game, 1, **kept)) as rows:
        np.testing.assert_array_equal(env.reset(seed=9)[0], rows.reset(seed=9)[0])
        for action in np.random.default_rng(1).integers(0, 2, 60):
            row = rows.step(np.array([action]))
            step = (env.reset()[0], 0.0, False, False) if rows.first[0] else env.step(action)[:4]
            np.testing.assert_array_equal(step[0], rows.observation[0])
            assert step[1:] == (row.reward[0], row.terminated[0], row.truncated[0])


def test_a_lost_life_ends_nothing():
    with closing(PixelEnv(EnvSettings(game="breakout", height=36, width=36))) as env:
        _, info = env.reset(seed=0)
        assert info["lives"] == 5
        while info["lives"] > 3:
            *_, terminated, truncated, info = env.step(1)
            assert not terminated
            assert not truncated
    with pytest.raises(ConfigError, match=r"env.life_loss unset or False .*, got True: leave it out"):
        PixelEnv(EnvSettings(game="breakout", life_loss=True))


def test_resets_without_a_seed_follow_the_first_seed():
    def games(env, *seeds):
        return [read(env.reset(seed=seed)[0][-1:])[0] for seed in seeds]

    with closing(PixelEnv(COUNTING)) as env, closing(PixelEnv(COUNTING)) as other:
        known = games(env, 7, None, None)
        assert len(set(known)) == 3
        assert games(env, 7, None, None) == known
        assert games(env, 8, None) != known[:2]
        assert games(other, None) != games(env, None)  # at random
        while not any(env.step(0)[2:4]):
            pass
        assert games(env, 7) == known[:1], "a seed counts after a game's end, too"


def test_a_vector_takes_a_list_of_seeds_and_a_mask():
    with closing(PixelVectorEnv(COUNTING, 3)) as vector:
        first, info = vector.reset(seed=[5, 9, None])
        assert info["_seed"].all()
        assert [read(picture[-1:])[0] for picture in first] == info["seed"].tolist()
        again, _ = vector.reset(seed=[9, 5, 1])
        np.testing.assert_array_equal(again[:2], first[1::-1])
        moved, *_ = vector.step(np.zeros(3, dtype=int))
        partly, _ = vector.reset(seed=[0, 9, 0], options={"reset_mask": np.array([False, True, False])})
        np.testing.assert_array_equal(partly[[0, 2]], moved[[0, 2]])
        np.testing.assert_array_equal(partly[1], first[1])
        assert read(vector.step(np.zeros(3, dtype=int))[0][0][-1:])[1] == 2, "the others play on"


def test_what_is_returned_is_the_callers():
    with closing(PixelVectorEnv(COUNTING, 2)) as vector, closing(PixelVectorEnv(COUNTING, 2)) as other:
        for env in (vector, other):
            observation, _ = env.reset(seed=0)
            if env is vector:
                observation[:] = 0
        np.testing.assert_array_equal(vector.step(np.zeros(2, int))[0], other.step(np.zeros(2, int))[0])


def test_an_environment_that_fails_truncates_its_game_and_begins_another():
    flaky = EnvSettings(game="flaky_worlds:Flaky", height=32, width=32, stack=1, max_restarts=99)
    with closing(PixelVectorEnv(flaky, 4)) as vector:
        vector.reset(seed=0)
        before, failed, cut = vector.rows.observation.copy(), np.zeros(4, bool), 0
        for _ in range(60):
            observation, reward, terminated, truncated, _ = vector.step(np.zeros(4, int))
            for place in np.flatnonzero(failed):
                assert read(observation[place])[1] == 0, "a reset's"
                assert (reward[place], terminated[place], truncated[place]) == (0, False, False)
            failed = truncated & np.array([read(picture)[1] == 4 for picture in observation])
            for place in np.flatnonzero(failed):
                np.testing.assert_array_equal(observation[place], before[place])
            before, cut = observation, cut + failed.sum()
        assert cut >= 3


def test_one_environment_that_fails_is_reset_like_any_other():
    flaky = EnvSettings(game="flaky_worlds:Flaky", height=32, width=32, stack=1, max_restarts=99)
    with closing(PixelEnv(flaky)) as env:
        lengths = []
        for seed in (0, None, None, None, None, None):
            assert read(env.reset(seed=seed)[0])[1] == 0
            lengths.append(0)
            over = False
            while not over:
                *_, terminated, truncated, _ = env.step(0)
                lengths[-1] += 1
                over = terminated or truncated
        assert set(lengths) == {5, 9}


@pytest.mark.parametrize("action", [4, -1, 1.0, True, None, "left", np.array([1]), np.float32(1)])
def test_an_action_that_there_is_not_is_refused(action):
    with closing(PixelEnv(COUNTING)) as env:
        env.reset(seed=0)
        with pytest.raises(EnvError, match=r"an action from 0 to 3, got .*: choose another"):
            env.step(action)
        for good in (3, np.int64(3), np.array(3), np.uint8(3)):
            env.reset(seed=1)
            env.step(good)


@pytest.mark.parametrize("actions", [[1], [1, 9], [0.5, 0.5], 3, None])
def test_actions_that_there_are_not_are_refused(actions):
    with closing(PixelVectorEnv(COUNTING, 2)) as vector:
        vector.reset(seed=0)
        with pytest.raises(EnvError, match=r"expected (a numpy array of 2 integer actions|actions from 0 to 3), got"):
            vector.step(actions)
        vector.step([1, 3])


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, [1], [1, -1]])
def test_a_seed_that_is_none_is_refused(seed):
    with closing(PixelEnv(COUNTING)) as env, closing(PixelVectorEnv(COUNTING, 2)) as vector:
        for one in (env, vector):
            with pytest.raises(EnvError, match=r"a whole number of at least 0 as seed, got .*: choose another"):
                one.reset(seed=seed)


@pytest.mark.parametrize("mask", [[True, False], np.array([1, 0]), np.array([True]), np.array([False, False])])
def test_a_mask_that_is_none_is_refused(mask):
    with closing(PixelVectorEnv(COUNTING, 2)) as vector, pytest.raises(EnvError, match=r"reset_mask .* of 2 bools"):
        vector.reset(options={"reset_mask": mask})


def test_steps_before_a_reset_and_after_the_end_are_refused():
    with closing(PixelEnv(COUNTING)) as env:
        for verb in (lambda: env.step(0), env.render):
            with pytest.raises(EnvError, match=r"got (step|none yet)"):
                verb()
        env.reset(seed=0)
        while not any(env.step(0)[2:4]):
            pass
        with pytest.raises(EnvError, match=r"expected reset\(\) before a game's first step"):
            env.step(0)
    with pytest.raises(EnvError, match="render_mode 'rgb_array', got 'human'"):
        PixelEnv(COUNTING, render_mode="human")


@pytest.mark.parametrize("begin", [0, 70])
def test_the_screens_of_atari_are_those_of_the_games_from_whenever_they_are_asked_for(begin):
    """Where the observation is the whole screen, it is the brighter of two pictures, the last of which is rendered."""
    whole = EnvSettings(
        game="pong", height=210, width=160, gray=False, stack=1, max_pool=False, max_episode_frames=120, reseed_after=50
    )
    with closing(PixelVectorEnv(whole, 2)) as vector:
        vector.reset(seed=0)
        rng = np.random.default_rng(0)
        for step in range(110):
            observation, _, terminated, truncated, _ = vector.step(rng.integers(0, 6, 2))
            if step >= begin and step % 3 == 0 and not (terminated | truncated).any():  # there ale-py repeats a frame
                np.testing.assert_array_equal(vector.render(), observation.transpose(0, 2, 3, 1))
        assert vector.render()[0].shape == (210, 160, 3)


def test_the_screen_of_an_own_world_is_its_picture():
    for num_workers in (0, 2):
        with closing(PixelVectorEnv(replace(COUNTING, num_workers=num_workers), 2)) as vector:
            games = vector.reset(seed=0)[1]["seed"].tolist()
            assert [read(picture.transpose(2, 0, 1)) for picture in vector.render()] == [(game, 0) for game in games]


def test_they_say_what_they_are():
    with closing(PixelEnv(BREAKOUT)) as env, closing(PixelVectorEnv(COUNTING, 2)) as vector:
        assert repr(env) == "PixelEnv(breakout, 2x36x36 uint8, 4 actions)"
        own = "rlvision.envs.counting_env:CountingEnv, num_envs=2"
        assert repr(vector) == f"PixelVectorEnv({own}, 2x36x36 uint8, 4 actions)"


def test_masks_are_in_the_info_of_one_environment_and_of_many():
    settings = EnvSettings(game="masked_worlds:Gated", height=32, width=32, stack=1, frameskip=1, max_pool=False)
    one, many = PixelEnv(settings), PixelVectorEnv(settings, 2)
    _, info = one.reset(seed=4)
    _, infos = many.reset(seed=4)
    for _ in range(30):
        assert info["action_mask"].tolist() == infos["action_mask"][0].tolist()
        assert infos["_action_mask"].all()
        actions = infos["action_mask"].argmax(axis=1)
        _, _, terminated, truncated, infos = many.step(actions)
        _, _, over, cut, info = one.step(info["action_mask"].argmax())
        assert (over, cut) == (terminated[0], truncated[0])
        if over or cut:
            _, info = one.reset()
            _, _, _, _, infos = many.step(infos["action_mask"].argmax(axis=1))
    one.close()
    many.close()


TELLING = replace(COUNTING, game="small_worlds:Telling", kwargs={"size": 36, "lengths": (5,)})


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_worlds_own_info_is_passed_on(num_workers):
    with closing(PixelVectorEnv(replace(TELLING, num_workers=num_workers), 2)) as vector:
        _, infos = vector.reset(seed=[3, 5])
        for step in (0, 1, 2, 3, 4, 5, 0, 1):
            assert infos["count"].tolist() == [step, step]
            np.testing.assert_array_equal(infos["game"]["at"], np.full((2, 2), step))
            assert ("late" in infos) == (step % 3 == 2)
            assert ("thing" in infos) == (num_workers == 0), "an object stays in the process of its world"
            assert infos["seed"].dtype == np.int64, "the name is ours"
            *_, infos = vector.step(np.zeros(2, np.int64))


def test_one_environment_has_the_info_of_its_world():
    with closing(PixelEnv(TELLING)) as env:
        observation, info = env.reset(seed=3)
        assert (info["count"], info["thing"].__name__) == (0, "Telling")
        assert read(observation[-1:]) == (info["game"]["number"], 0) == (info["seed"], 0)
        assert [env.step(0)[-1].get("late") for _ in range(5)] == [None, True, None, None, True]
        _, info = env.reset()
        assert (info["count"], type(info["seed"]), info["game"]["at"].tolist()) == (0, int, [0, 0])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_environment_that_failed_tells_nothing(num_workers):
    failing = replace(TELLING, kwargs={**TELLING.kwargs, "fails_at": 2}, num_workers=num_workers)
    with closing(PixelVectorEnv(failing, 1)) as vector:
        vector.reset(seed=3)
        infos = [vector.step(np.zeros(1, np.int64))[-1] for _ in range(4)]
        assert [info["count"].tolist() if "count" in info else None for info in infos] == [[1], None, [0], [1]]


def test_infos_that_differ_in_shape_are_refused_in_a_vector_alone():
    differing = replace(TELLING, kwargs={**TELLING.kwargs, "widths": (1, 2, 3, 4, 5)})
    with closing(PixelVectorEnv(differing, 5)) as vector, closing(PixelEnv(differing)) as env:
        with pytest.raises(EnvError, match="infos of 5 environments to have values of one kind and shape"):
            vector.reset(seed=1)
        assert env.reset(seed=1)[1]["game"]["at"].shape[0] in range(1, 6)
