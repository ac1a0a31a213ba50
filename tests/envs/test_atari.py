import logging

import cv2
import numpy as np
import pytest
from ale_py.vector_env import AtariVectorEnv

from rlvision.core.errors import CheckpointError, ConfigError, EnvError


def bare(game, env, **settings):
    """ale-py's own environment, reset by the same seeds."""
    native = AtariVectorEnv(game, env.spec.num_envs, reward_clipping=False, **settings)
    observation, _ = native.reset(seed=np.array(env.seeds()))
    return native, observation


@pytest.mark.parametrize("gray", [True, False])
def test_rows_are_those_of_the_bare_environment(gray, atari):
    env = atari("breakout", 2, sticky=0.25, life_loss=True, gray=gray, stack=3, height=30, width=20)
    env.reset(1)
    sizes = {"img_height": 30, "img_width": 20, "stack_num": 3, "grayscale": gray}
    native, before = bare("breakout", env, repeat_action_probability=0.25, life_loss_info=True, **sizes)
    rng = np.random.default_rng(0)
    for _ in range(200):
        row = env.step(rng.integers(0, 4, 2))
        after, reward, terminated, truncated, _ = native.step(row.action)
        channels_last = before if gray else before.transpose(0, 1, 4, 2, 3)
        np.testing.assert_array_equal(row.observation, channels_last.reshape(row.observation.shape))
        np.testing.assert_array_equal(row.reward, reward)
        np.testing.assert_array_equal([row.terminated, row.truncated], [terminated, truncated])
        before = after
    env.close()


def test_chosen_actions_are_those_of_the_game(atari):
    some = atari("pong", 2, actions=["LEFT", "NOOP", "RIGHT"])
    every = atari("pong", 2)
    assert every.spec.action_meanings == ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")
    assert some.spec.action_meanings == ("LEFT", "NOOP", "RIGHT")
    np.testing.assert_array_equal(some.reset(4), every.reset(4))
    rng, codes = np.random.default_rng(0), np.array([3, 0, 2])
    for _ in range(60):
        action = rng.integers(0, 3, 2)
        np.testing.assert_array_equal(some.step(action).observation, every.step(codes[action]).observation)
        np.testing.assert_array_equal(some.observation, every.observation)
    with pytest.raises(EnvError, match="3"):
        some.send(np.array([0, 3]))
    some.close()
    every.close()


@pytest.mark.parametrize("actions", [["NOOP", "UP"], ["NOOP", "NOOP"], ["NOOP"], []])
def test_actions_that_the_game_has_not_or_that_leave_no_choice_are_refused(actions, atari):
    with pytest.raises(ConfigError, match="two or more different actions out of NOOP, FIRE, RIGHT"):
        atari("pong", 1, actions=actions)


@pytest.mark.parametrize(
    ("game", "frames", "steps"),
    [("pong", 120, 120), ("breakout", 108_000, 400), ("ms_pacman", 150, 120), ("freeway", 100, 80), ("pong", 8, 60)],
)
def test_first_is_exact(game, frames, steps, atari, column, play):
    """Only a reset's observation has blank frames before its newest: the games chosen are never black."""
    env = atari(game, 2, life_loss=True, max_episode_frames=frames)
    env.reset(3)
    rows = play(env, steps, 1)
    env.close()
    blank_before = ~column(rows, "observation")[:, :, :3].any(axis=(2, 3, 4))
    first = column(rows, "first")
    np.testing.assert_array_equal(first, blank_before)
    assert first[1:].sum() >= 3


def test_a_lost_life_terminates_and_the_game_goes_on(atari, column, play):
    env = atari("breakout", 2, life_loss=True)
    env.reset(0)
    rows = play(env, 350, 0)
    env.close()
    terminated, first, reward = column(rows, "terminated"), column(rows, "first"), column(rows, "reward")
    dead = np.zeros_like(first)
    dead[:-1] = first[1:]
    games_over, lives_lost = dead[1:] & terminated[:-1], ~dead[1:] & terminated[:-1]
    assert games_over.sum() >= 2
    assert lives_lost.sum() >= 4 * games_over.sum()  # five lives a game
    np.testing.assert_array_equal(dead[1:-1], games_over[:-1])  # one ignored row per game, right after its end
    assert not reward[dead].any()
    assert not terminated[dead].any()


def test_whole_games_without_life_loss_end_once(atari, column, play):
    env = atari("breakout", 2, life_loss=False)
    env.reset(0)
    rows = play(env, 350, 0)
    env.close()
    np.testing.assert_array_equal(column(rows, "terminated")[:-2], column(rows, "first")[2:])


def test_the_frame_cap_truncates(atari, column, play):
    env = atari("pong", 1, max_episode_frames=40)
    env.reset(0)
    rows = play(env, 12, 0)
    env.close()
    assert column(rows, "truncated")[:, 0].tolist() == [step == 9 for step in range(12)]
    assert column(rows, "first")[:, 0].tolist() == [step in (0, 11) for step in range(12)]


def test_a_due_game_begins_as_its_seed_says_after_one_ignored_action(atari, column):
    env = atari("pong", 2, max_episode_frames=100, reseed_after=40)  # 26 rows a game: every second reset is seeded
    env.reset(9)
    rng, reseeded, seeds = np.random.default_rng(2), [], [env.seeds()]
    rows = []
    for _ in range(110):
        rows.append(env.step(rng.integers(0, 6, 2)))
        if env.seeds() != seeds[-1]:
            seeds.append(env.seeds())
            reseeded.append((len(rows), env.observation))
    native, _ = bare("pong", env)
    for (_, observation), seed in zip(reseeded, seeds[1:], strict=True):
        np.testing.assert_array_equal(observation, native.reset(seed=np.array(seed))[0])
    assert [row for row, _ in reseeded] == [52, 104]
    assert np.flatnonzero(column(rows, "first")[:, 0]).tolist() == [0, 26, 52, 78, 104]
    assert np.flatnonzero(column(rows, "truncated")[:, 0]).tolist() == [24, 50, 76, 102]
    env.close()


def saved_at(env, moments, steps, rng):
    """States saved when a moment comes, and what was played from there on."""
    saved, rows = {}, []
    for _ in range(steps):
        row = env.step(rng.integers(0, env.spec.num_actions, env.spec.num_envs))
        rows.append(row)
        for name, came in moments.items():
            if name not in saved and came(row, env):
                saved[name] = env.state_dict(), len(rows)
    return saved, rows


MOMENTS = {
    "a game has just ended": lambda row, env: len(env.action_logs[0]) > 45 and (row.truncated | row.terminated).any(),
    "the dead row has just been": lambda row, env: len(env.action_logs[1]) > 45 and env.first.any(),
    "an action log has just begun": lambda row, env: any(len(action_log) == 0 for action_log in env.action_logs),
    "a game is on": lambda row, env: (
        min(len(action_log) for action_log in env.action_logs) > 5 and len({*map(len, env.action_logs)}) > 1
    ),
}


@pytest.mark.parametrize(
    ("game", "num_envs", "settings", "moments"),
    [
        ("pong", 3, {"sticky": 0.25, "crop": (34, 194, 0, 160)}, ["a game is on", "a game has just ended"]),
        ("breakout", 2, {"life_loss": True, "gray": False}, ["an action log has just begun"]),
        ("ms_pacman", 2, {"life_loss": True, "sticky": 0.25}, ["the dead row has just been"]),
    ],
)
def test_an_environment_comes_back_from_its_tapes_bit_for_bit(
    game, num_envs, settings, moments, assert_same, atari, stagger
):
    settings = {"max_episode_frames": 160, "reseed_after": 100, "height": 20, "width": 20, **settings}
    env = atari(game, num_envs, **settings)
    env.reset(5)
    stagger(env)
    saved, rows = saved_at(env, {name: MOMENTS[name] for name in moments}, 140, np.random.default_rng(3))
    assert [*saved] == sorted(moments, key=lambda name: saved[name][1])
    env.close()
    fresh = atari(game, num_envs, **settings)
    for state, start in saved.values():
        fresh.load_state_dict(state)
        again = [fresh.step(row.action) for row in rows[start : start + 60]]
        assert_same(again, rows[start : start + 60])
    fresh.close()


@pytest.fixture
def stagger(play):
    """Let the action logs begin at different times, as they do once games have different lengths."""

    def _stagger(env):
        play(env, 20, 0)
        state = env.state_dict()
        state["hashes"][1] = "of another past"
        env.load_state_dict(state)

    return _stagger


def test_what_does_not_come_back_begins_anew(caplog, atari, play):
    env = atari("pong", 2)
    env.reset(1)
    play(env, 20, 0)
    state = env.state_dict()
    state["hashes"][1] = "another"
    expected = env.observation
    other = atari("pong", 2)
    with caplog.at_level(logging.WARNING, "rlvision"):
        other.load_state_dict(state)
    assert [record.message.split(" did not")[0] for record in caplog.records] == ["1 of 2 environments"]
    assert other.first.tolist() == [False, True]
    np.testing.assert_array_equal(other.observation[0], expected[0])
    assert not other.observation[1, :3].any()
    assert other.seeds()[0] == env.seeds()[0]
    assert other.seeds()[1] != env.seeds()[1]
    assert other.step(np.zeros(2, dtype=np.int64)).first.tolist() == [False, True]
    env.close()
    other.close()


def test_a_state_of_other_environments_is_refused(atari):
    env, other = atari("pong", 1), atari("breakout", 1)
    env.reset(0)
    env.step(np.array([5]))
    with pytest.raises(CheckpointError, match="4 actions, got 1 action logs with actions up to 5"):
        other.load_state_dict(env.state_dict())
    env.close()
    other.close()


@pytest.mark.parametrize("gray", [True, False])
def test_a_crop_is_cut_from_the_whole_screen(gray, atari, column, play):
    settings = {"gray": gray, "max_episode_frames": 100}
    cropped = atari("breakout", 1, crop=(50, 190, 10, 150), height=42, width=40, stack=2, **settings)
    whole = atari("breakout", 1, height=210, width=160, stack=2, **settings)
    cropped.reset(4)
    whole.reset(4)
    assert whole.spec.observation_shape == (2 if gray else 6, 210, 160)
    rows = play(cropped, 60, 0)
    for row in rows:
        screen = whole.step(row.action)
        by_hand = [cut_by_hand(observation) for observation in screen.observation]
        np.testing.assert_array_equal(row.observation, by_hand)
    assert column(rows, "first")[1:].any()
    cropped.close()
    whole.close()


def cut_by_hand(observation):
    cut = [cv2.resize(channel[50:190, 10:150], (40, 42), interpolation=cv2.INTER_AREA) for channel in observation]
    return np.stack(cut)


@pytest.mark.parametrize("crop", [None, (34, 194, 0, 160)])
def test_observations_are_never_written_again(crop, atari, column, play):
    env = atari("pong", 1, crop=crop, max_episode_frames=60, reseed_after=10)
    env.reset(0)
    rows = play(env, 20, 0)
    copies = [row.observation.copy() for row in rows]
    play(env, 20, 1)
    np.testing.assert_array_equal(column(rows, "observation"), np.stack(copies))
    env.close()


@pytest.mark.parametrize(
    ("action", "got"),
    [
        (np.array([0, 6]), r"from 0 to 5, got \[0, 6\]"),
        (np.array([-1, 0]), r"from 0 to 5, got \[-1, 0\]"),
        (np.array([0, 1, 2]), r"2 integer actions, got int64 \[3\]"),
        (np.array([0.0, 1.0]), r"2 integer actions, got float64"),
        ([0, 1], "got list"),
    ],
)
def test_invalid_actions_are_refused_before_they_are_sent(pong, action, got):
    with pytest.raises(EnvError, match=got):
        pong.send(action)
    assert pong.step(np.array([0, 0], dtype=np.int32)).action.dtype == np.int64


def test_send_and_recv_take_turns(pong):
    noop = np.zeros(2, dtype=np.int64)
    with pytest.raises(EnvError, match="got recv"):
        pong.recv()
    pong.send(noop)
    for call in (lambda: pong.send(noop), lambda: pong.reset(0), pong.state_dict, lambda: pong.load_state_dict({})):
        with pytest.raises(EnvError, match=r"expected recv\(\)"):
            call()
    assert pong.recv().observation.shape == (2, 4, 84, 84)


def test_nothing_works_before_reset_or_after_close(atari):
    env = atari("pong", 1)
    for use in (lambda: env.observation, lambda: env.step(np.zeros(1, dtype=np.int64)), env.state_dict):
        with pytest.raises(EnvError, match="first"):
            use()
    env.reset(0)
    env.send(np.zeros(1, dtype=np.int64))
    env.close()
    env.close()
    with pytest.raises(EnvError, match=r"after close\(\)"):
        env.reset(0)


@pytest.fixture(scope="module")
def pong(atari):
    env = atari("pong", 2)
    env.reset(0)
    yield env
    env.close()


@pytest.mark.parametrize("setting", [{"frameskip": 0}, {"sticky": 1.5}, {"noop_max": -1}, {"max_episode_frames": 0}])
def test_impossible_settings_are_refused(setting, atari):
    with pytest.raises(ConfigError, match="expected frameskip"):
        atari("pong", 1, **setting)


@pytest.mark.parametrize("crop", [None, (0, 100, 0, 100)])
@pytest.mark.parametrize(
    ("rom", "words"), [(None, "No such file or directory"), (b"another game", "does not match what was expected")]
)
def test_a_rom_that_is_missing_or_damaged_is_refused(monkeypatch, tmp_path, crop, rom, words, atari):
    if rom:
        (tmp_path / "pong.bin").write_bytes(rom)
    monkeypatch.setenv("ALE_ROMS_DIR", str(tmp_path))
    with pytest.raises(
        EnvError, match=f"expected the ROM of pong, got: .*{words}.*: install ale-py again, or unset ALE"
    ):
        atari("pong", 1, crop=crop)
