"""Gymnasium's wrappers and agents of other libraries take our environments."""

from contextlib import closing

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.wrappers import RecordEpisodeStatistics
from gymnasium.wrappers import vector as vector_wrappers

from rlvision.envs.pixel_env import PixelEnv, PixelVectorEnv
from rlvision.envs.settings import EnvSettings

COUNTING = EnvSettings(game="rlvision.envs.counting_env:CountingEnv", height=36, width=36, stack=2, kwargs={"size": 36})
CARTPOLE = EnvSettings(game="CartPole-v1", height=40, width=60)
BREAKOUT = EnvSettings(game="breakout", height=36, width=36, stack=2, max_episode_frames=120)


@pytest.mark.parametrize("settings", [COUNTING, CARTPOLE, BREAKOUT], ids=["own", "rendered", "atari"])
def test_the_check_of_stable_baselines_accepts_it(settings):
    from stable_baselines3.common.env_checker import check_env as check_for_stable_baselines

    with closing(PixelEnv(settings)) as env:
        check_for_stable_baselines(env)


def test_gymnasiums_statistics_are_the_scores():
    with closing(RecordEpisodeStatistics(PixelEnv(COUNTING))) as env:
        env.reset(seed=2)
        score, over, info = 0.0, False, {}
        while not over:
            _, reward, terminated, truncated, info = env.step(0)
            score, over = score + reward, terminated or truncated
        assert info["episode"]["r"] == score


def test_gymnasiums_statistics_of_a_vector_are_those_of_single_ones():
    found = [[], []]
    with closing(vector_wrappers.RecordEpisodeStatistics(PixelVectorEnv(COUNTING, 2))) as vector:
        vector.reset(seed=2)
        for _ in range(40):
            info = vector.step(np.zeros(2, int))[-1]
            for place in np.flatnonzero(info.get("_episode", [])):
                found[place].append((info["episode"]["r"][place], info["episode"]["l"][place]))
    for place in range(2):
        with closing(RecordEpisodeStatistics(PixelEnv(COUNTING))) as env:
            env.reset(seed=2 + place)
            for score, length in found[place]:
                info = {}
                while "episode" not in info:
                    info = env.step(0)[-1]
                assert (info["episode"]["r"], info["episode"]["l"]) == (score, length)
                env.reset()
        assert len(found[place]) >= 3


def test_gymnasiums_wrappers_of_vectors_work():
    env = vector_wrappers.ClipReward(PixelVectorEnv(COUNTING, 2), -0.5, 0.5)
    scaled = [Box(0, 1, shape, np.float32) for shape in ((2, 2, 36, 36), (2, 36, 36))]
    env = vector_wrappers.TransformObservation(env, lambda seen: (seen / 255).astype(np.float32), *scaled)
    with closing(vector_wrappers.DictInfoToList(env)) as env:
        observation, info = env.reset(seed=0)
        assert observation.max() <= 1
        assert [set(each) for each in info] == [{"seed"}] * 2
        rewards = np.concatenate([env.step(np.zeros(2, int))[1] for _ in range(12)])
        assert np.abs(rewards).max() == 0.5


def test_gymnasium_makes_it_again_from_its_spec():
    with closing(PixelEnv(CARTPOLE)) as env, closing(gymnasium.make(env.spec)) as again:
        np.testing.assert_array_equal(again.reset(seed=3)[0], env.reset(seed=3)[0])


def test_stable_baselines_learns_in_it():
    from stable_baselines3 import DQN
    from stable_baselines3.common.vec_env import DummyVecEnv

    small = {"features_dim": 8}
    for env in (PixelEnv(COUNTING), DummyVecEnv([lambda: PixelEnv(COUNTING), lambda: PixelEnv(COUNTING)])):
        model = DQN(
            "CnnPolicy",
            env,
            buffer_size=200,
            learning_starts=40,
            batch_size=8,
            train_freq=8,
            device="cpu",
            policy_kwargs={"features_extractor_kwargs": small, "net_arch": []},
        )
        model.learn(160)
        assert (model.num_timesteps, model._episode_num > 5) == (160, True)
        env.close()
