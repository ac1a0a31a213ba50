import logging
import sys
from importlib.util import find_spec

import cv2
import gymnasium
import numpy as np
import pytest

from rlvision.core.errors import ConfigError, EnvError, MissingExtraError
from rlvision.envs.action_log import episode_seed
from tests.conftest import AS_DRAWN, COUNTING_ENV

needs_box2d = pytest.mark.skipif(find_spec("Box2D") is None, reason="the extra box2d is not installed")
quiet_swig = pytest.mark.filterwarnings("ignore:builtin type .* has no __module__ attribute:DeprecationWarning")


def test_cartpole_is_what_gymnasium_renders(play, rendered):
    """A naive twin: Gymnasium alone, its own readback, cv2 by hand."""
    env = rendered("CartPole-v1", 2, height=20, width=30, crop=(160, 320, 0, 600), stack=2)
    env.reset(3)
    twins = [gymnasium.make("CartPole-v1", render_mode="rgb_array") for _ in range(2)]
    for twin, seed in zip(twins, env.seeds(), strict=True):
        twin.reset(seed=seed)
    older = [np.zeros((20, 30), np.uint8)] * 2
    over, count = [False, False], [0, 0]
    for row in play(env, 60):
        for index, twin in enumerate(twins):
            gray = cv2.cvtColor(twin.render()[160:320], cv2.COLOR_RGB2GRAY)
            newest = cv2.resize(gray, (30, 20), interpolation=cv2.INTER_AREA)
            np.testing.assert_array_equal(row.observation[index], [older[index], newest])
            if over[index]:
                count[index] += 1
                twin.reset(seed=episode_seed(3, index, count[index]))
                older[index], expected = np.zeros_like(newest), (0.0, False, False)
            else:
                older[index] = newest
                expected = twin.step(int(row.action[index]))[1:4]
            assert (row.reward[index], row.terminated[index], row.truncated[index]) == expected
            over[index] = expected[1] or expected[2]
    assert min(count) >= 1
    env.close()


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("name", ["CartPole-v1", COUNTING_ENV])
def test_environments_come_back_from_their_tapes_bit_for_bit(name, num_workers, assert_same, column, rendered):
    settings = {"height": 16, "width": 16, "num_workers": num_workers}
    env = rendered(name, 3, **settings)
    env.reset(8)
    rng, states, rows = np.random.default_rng(1), [], []
    for _ in range(60):
        states.append(env.state_dict())
        rows.append(env.step(rng.integers(0, 2, 3)))
    env.close()
    ended = column(rows, "terminated") | column(rows, "truncated")
    moments = {1, int(ended[:, 0].argmax()) + 1, int(ended[:, 0].argmax()) + 2, 25}  # ended, and right after the reset
    fresh = rendered(name, 3, **settings)
    for moment in moments:
        fresh.load_state_dict(states[moment])
        np.testing.assert_array_equal(fresh.observation, rows[moment].observation)
        np.testing.assert_array_equal(fresh.first, rows[moment].first)
        assert_same([fresh.step(row.action) for row in rows[moment:]], rows[moment:])
    fresh.close()


def test_a_state_holds_only_tensors_and_plain_values(tmp_path, play, rendered):
    import torch

    env = rendered(COUNTING_ENV, 2)
    env.reset(0)
    play(env, 7)
    torch.save(env.state_dict(), tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    expected = env.observation
    env.load_state_dict(loaded)
    np.testing.assert_array_equal(env.observation, expected)
    env.close()


def test_a_reset_begins_all_anew(assert_same, play, rendered):
    env = rendered(COUNTING_ENV, 2, **AS_DRAWN)
    env.reset(8)
    rows = play(env, 20)
    env.reset(8)
    assert_same(play(env, 20), rows)
    with pytest.raises(EnvError, match="a seed of at least 0, got -1"):
        env.reset(-1)
    env.close()


def test_what_is_not_deterministic_begins_anew(caplog, play, rendered):
    env = rendered("odd_worlds:Forgetful", 2, height=4, width=6)
    env.reset(0)
    play(env, 4)
    with caplog.at_level(logging.WARNING, "rlvision"):
        env.load_state_dict(env.state_dict())
    assert env.first.all()
    assert [len(action_log) for action_log in env.action_logs] == [0, 0]
    assert "2 of 2 environments did not repeat their past" in caplog.text
    env.close()


def test_a_replay_says_how_far_it_is(play, rendered):
    env = rendered("odd_worlds:Endless", 2)
    env.reset(0)
    play(env, 70)
    told = []
    env.progress = lambda done, total: told.append((done, total))
    env.load_state_dict(env.state_dict())
    assert told == [(32, 70), (64, 70), (70, 70)]
    env.close()


def test_rewards_of_skipped_frames_are_summed_and_the_end_is_not_skipped(column, rendered):
    env = rendered("odd_worlds:Odd", 1, frameskip=4, stack=1, height=4, width=6)
    env.reset(0)
    rows = [env.step(np.array([2])) for _ in range(4)]
    env.close()
    assert column(rows, "reward")[:, 0].tolist() == [8, 4, 0, 8]  # a game lasts six frames: four, two, reset, four
    assert column(rows, "terminated")[:, 0].tolist() == [False, True, False, False]
    assert column(rows, "observation")[:, 0, 0, 0, 0].tolist() == [0, 40, 60, 0]


@pytest.mark.parametrize(("maxpool", "seen"), [(False, [0, 2, 4]), (True, [0, 201, 203])])
def test_maxpool_keeps_what_flickers(maxpool, seen, column, rendered):
    env = rendered("odd_worlds:Flicker", 1, frameskip=2, max_pool=maxpool, stack=1, height=4, width=6)
    env.reset(0)
    rows = [env.step(np.array([0])) for _ in range(3)]
    env.close()
    assert column(rows, "observation")[:, 0, 0, 0, 0].tolist() == seen


def test_actions_may_be_counted_from_elsewhere(rendered):
    env = rendered("odd_worlds:FromFive", 1)
    env.reset(0)
    assert env.spec.action_meanings == ("5", "6", "7")
    assert [float(env.step(np.array([action])).reward[0]) for action in range(3)] == [5, 6, 7]
    env.close()


@pytest.mark.parametrize(("gray", "channels"), [(True, 1), (False, 3)])
def test_an_image_observation_is_used_as_it_is(gray, channels, column, play, rendered):
    env = rendered("odd_worlds:GrayImage", 1, gray=gray, stack=2, height=4, width=6)
    env.reset(0)
    rows = play(env, 3)
    assert env.spec.observation_shape == (2 * channels, 4, 6)
    frames = column(rows, "observation")[:, 0, ::channels, 0, 0]
    assert frames.tolist() == [[0, 0], [0, 10], [10, 20]]
    env.close()


@needs_box2d
@quiet_swig
def test_carracing_is_discrete_by_its_arguments_and_seen_by_its_own_image(rendered):
    env = rendered("CarRacing-v3", 1, height=96, width=96, gray=False, stack=1, kwargs={"continuous": False})
    twin = gymnasium.make("CarRacing-v3", continuous=False)
    observation = env.reset(0)
    np.testing.assert_array_equal(observation[0], twin.reset(seed=env.seeds()[0])[0].transpose(2, 0, 1))
    assert env.spec.num_actions == 5
    env.close()


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [pytest.param("LunarLander-v3", 400, 600, marks=needs_box2d), ("Acrobot-v1", 500, 500)],
)
@quiet_swig
def test_other_worlds_are_rendered_as_gymnasium_renders_them(name, height, width, play, rendered):
    env = rendered(name, 1, height=height, width=width, gray=False, stack=1)
    env.reset(0)
    twin = gymnasium.make(name, render_mode="rgb_array")
    twin.reset(seed=env.seeds()[0])
    for row in play(env, 3):
        np.testing.assert_array_equal(row.observation[0], twin.render().transpose(2, 0, 1))
        twin.step(int(row.action[0]))
    env.close()


def test_minigrid_is_rendered_and_names_its_actions(rendered):
    pytest.importorskip("minigrid")
    env = rendered("MiniGrid-Empty-5x5-v0", 1, height=160, width=160, crop=(0, 160, 0, 160))
    env.reset(0)
    assert env.spec.observation_shape == (4, 160, 160)
    assert env.spec.action_meanings[:3] == ("left", "right", "forward")
    env.close()


@pytest.mark.parametrize("name", ["odd_worlds:Endless", "CartPole-v1"])
def test_a_time_limit_truncates(name, column, play, rendered):
    env = rendered(name, 1, max_episode_steps=5)
    env.reset(0)
    rows = play(env, 7)
    env.close()
    assert column(rows, "truncated")[:, 0].tolist() == [step == 4 for step in range(7)]
    assert not column(rows, "terminated").any()


@pytest.mark.parametrize(
    ("name", "space"),
    [("odd_worlds:Steering", r"Box\(-1.0, 1.0, \(2,\)"), ("odd_worlds:Buttons", r"MultiDiscrete\(\[2 3\]\)")],
)
def test_other_action_spaces_are_refused_by_name(name, space, rendered):
    with pytest.raises(EnvError, match=f"expected a Discrete action space, got {space}"):
        rendered(name, 1)


@pytest.mark.parametrize("shape", [(4, 84, 84), (84, 84, 4), (12, 24, 84), (4, 84, 84, 3)])
def test_an_environment_that_stacks_its_frames_itself_is_refused(shape, rendered):
    with pytest.raises(EnvError, match=r"expected one picture .*, got uint8 \[.* stacks its frames itself: leave its"):
        rendered("odd_worlds:Stacking", 1, kwargs={"shape": shape})


@pytest.mark.parametrize("shape", [(84, 84, 3), (84, 84, 1), (84, 84), (10, 10, 4), (128,)])
def test_other_observations_of_bytes_are_no_stacks(shape, rendered):
    env = rendered("odd_worlds:Stacking", 1, kwargs={"shape": shape})
    env.close()


def test_what_cannot_be_seen_is_refused(rendered):
    with pytest.raises(EnvError, match="expected an image observation or an rgb_array render mode"):
        rendered("odd_worlds:Invisible", 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CartPol-v1", "did you mean 'CartPole-v1'"),
        ("no_such_package:Env", "No module named 'no_such_package'"),
        ("odd_worlds:NoSuchEnv", r"function 'NoSuchEnv' in odd_worlds \(.*odd_worlds.py\), got none"),
        ("no_such_package:Env-v0", "no_such_package"),
        ("odd_worlds.py:Image", "got ModuleNotFoundError .*: write odd_worlds, as Python imports it"),
        ("some/folder/odd.py:Image", "write some.folder.odd, as Python imports it"),
        ("open_worlds:Opem-v0", "did you mean 'open_worlds:Open-v0'"),
    ],
)
def test_unknown_names_are_refused(name, message, rendered):
    with pytest.raises(ConfigError, match=message):
        rendered(name, 1)


@pytest.mark.parametrize("settings", [{"num_envs": 0}, {"num_workers": -1}, {"frameskip": 0}])
def test_impossible_settings_are_refused(settings, rendered):
    with pytest.raises(ConfigError, match="expected"):
        rendered("odd_worlds:Odd", **{"num_envs": 1, **settings})


@quiet_swig
@pytest.mark.parametrize(
    ("name", "missing", "remedy"),
    [("LunarLander-v3", "Box2D", r"rlvision\[box2d\]"), ("MiniGrid-Empty-5x5-v0", "minigrid", r"rlvision\[minigrid\]")],
)
def test_a_missing_extra_is_named(monkeypatch, name, missing, remedy, rendered):
    monkeypatch.setitem(sys.modules, missing, None)
    for loaded in [module for module in sys.modules if module.startswith("gymnasium.envs.box2d")]:
        monkeypatch.delitem(sys.modules, loaded)
    with pytest.raises(MissingExtraError, match=remedy):
        rendered(name, 1)


@needs_box2d
@quiet_swig
def test_closing_one_leaves_another_playing(assert_same, play, rendered):
    """Gymnasium's worlds shut pygame down as they close."""
    settings = {"height": 16, "width": 16}
    names = ["CartPole-v1", "LunarLander-v3"]
    envs = [rendered(name, 1, **settings) for name in names]
    expected = []
    for env in envs:
        env.reset(0)
        expected.append(play(env, 3))
        env.reset(0)
    rendered("CartPole-v1", 1, **settings).close()
    for env, rows in zip(envs, expected, strict=True):
        assert_same(play(env, 3), rows)
        env.close()


def test_observations_are_never_written_again(column, play, rendered):
    env = rendered("odd_worlds:GrayImage", 2, stack=1, height=4, width=6)
    env.reset(0)
    rows = play(env, 10)
    copies = [row.observation.copy() for row in rows]
    play(env, 10)
    np.testing.assert_array_equal(column(rows, "observation"), np.stack(copies))
    env.close()
