"""Every setting reaches the emulator or environment that it is about: its value is found where it acts.

Both settings below differ from the defaults in all that their kind of environment has. A naive twin plays the same
games by them: a plain emulator, or the bare environment, with the pictures cut, resized and stacked by hand.
"""

import multiprocessing
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from ale_py import Action, ALEInterface, LoggerMode, roms

from rlvision.core.errors import EnvError
from rlvision.envs.action_log import episode_seed
from rlvision.envs.counting_env import draw, reward
from rlvision.envs.factory import make
from rlvision.envs.settings import ATARI_ONLY, GYMNASIUM_ONLY, EnvSettings
from tests.conftest import COUNTING_ENV

ATARI = EnvSettings(
    game="ALE/Breakout-v5",
    num_envs=2,
    height=50,
    width=44,
    crop=(30, 200, 8, 152),
    stack=3,
    gray=False,
    frameskip=3,
    max_pool=False,
    protocol="machado",
    sticky=0.4,
    noop_max=7,
    life_loss=True,
    fire_on_reset=True,
    full_action_space=True,
    actions=("NOOP", "FIRE", "LEFT", "DOWN"),  # DOWN is none of the four actions that the game itself has
    max_episode_frames=400,
    reseed_after=90,
)
GYMNASIUM = EnvSettings(
    game=COUNTING_ENV,
    num_envs=3,
    num_workers=2,
    step_timeout=0.7,
    max_restarts=1,
    height=20,
    width=18,
    crop=(0, 30, 0, 36),
    stack=3,
    gray=False,
    frameskip=2,
    max_pool=False,
    max_episode_steps=7,
    kwargs={"lengths": (50,), "size": 40},
)


@pytest.mark.parametrize(("settings", "others"), [(ATARI, GYMNASIUM_ONLY), (GYMNASIUM, ATARI_ONLY)])
def test_all_settings_of_a_kind_differ_from_their_defaults(settings, others):
    usual = EnvSettings()
    alike = {field.name for field in fields(settings) if getattr(settings, field.name) == getattr(usual, field.name)}
    assert alike - {"image_key"} == set(others) - {"image_key"}  # a picture alone has no key: test_pictures.py


def frame_by_hand(screen, settings):
    """A screen [H, W, 3] as a frame [c, height, width]."""
    top, bottom, left, right = settings.crop or (0, screen.shape[0], 0, screen.shape[1])
    picture = screen[top:bottom, left:right]
    picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None] if settings.gray else picture
    small = cv2.resize(picture, (settings.width, settings.height), interpolation=cv2.INTER_AREA)
    return small.reshape(settings.height, settings.width, -1).transpose(2, 0, 1)


def stack_by_hand(frames, settings):
    """The newest frames of a game, with blank ones before its first: [C, H, W]."""
    blank = [np.zeros_like(frames[0])] * settings.stack
    return np.concatenate([*blank, *frames][-settings.stack :])


class Emulator:
    """A plain emulator that plays as the settings of Breakout say."""

    def __init__(self, settings, seed):
        ALEInterface.setLoggerMode(LoggerMode.Error)
        self.settings, self.ale = settings, ALEInterface()
        self.ale.setFloat("repeat_action_probability", settings.sticky)
        self.ale.setInt("random_seed", seed)
        self.ale.loadROM(str(roms.get_rom_path("breakout")))

    def begin(self, frames):
        """Begin a game with FIRE and no-ops, so many in all; the observation."""
        self.ale.reset_game()
        for action in [Action.FIRE if self.settings.fire_on_reset else Action.NOOP, *[Action.NOOP] * frames][:frames]:
            self.ale.act(action)
        self.frames = [frame_by_hand(self.ale.getScreenRGB(), self.settings)]
        return stack_by_hand(self.frames, self.settings)

    def step(self, action):
        """The observation after a decision."""
        screens = []
        for _ in range(self.settings.frameskip):
            self.ale.act(getattr(Action, self.settings.actions[action]))
            screens.append(self.ale.getScreenRGB())
        seen = np.maximum(*screens[-2:]) if self.settings.max_pool else screens[-1]
        self.frames.append(frame_by_hand(seen, self.settings))
        return stack_by_hand(self.frames, self.settings)


@pytest.mark.parametrize(
    "changes", [{}, {"max_pool": True}, {"fire_on_reset": False}, {"crop": None}, {"crop": None, "gray": True}]
)
def test_pixels_of_atari_are_those_of_a_plain_emulator_driven_by_the_settings(changes, play):
    settings = replace(ATARI, **changes)
    env = make(settings, settings.num_envs)
    before = env.reset(4)
    emulators = [Emulator(settings, seed) for seed in env.seeds()]
    assert env.spec.num_envs == len(before) == 2
    assert before.shape[1:] == (3 if settings.gray else 9, 50, 44)
    assert env.spec.action_meanings == ("NOOP", "FIRE", "LEFT", "DOWN")
    for observation, emulator, frames in zip(before, emulators, env.frame_number, strict=True):
        np.testing.assert_array_equal(observation, emulator.begin(int(frames)))
    for row in play(env, 25):
        after = [emulator.step(action) for emulator, action in zip(emulators, row.action, strict=True)]
    np.testing.assert_array_equal(env.observation, after)
    env.close()


class Played:
    """Rows of play, with what the emulators said before each: all [T, N]."""

    def __init__(self, settings, steps):
        env = make(settings, settings.num_envs)
        env.reset(1)
        rng, rows, frames, lives, action_logs = np.random.default_rng(0), [], [], [], []
        for _ in range(steps):
            frames.append(env._info["episode_frame_number"])
            lives.append(env.lives)
            action_logs.append([len(action_log) for action_log in env.action_logs])
            rows.append(env.step(rng.integers(0, 4, settings.num_envs)))
        env.close()
        self.frames, self.lives, self.action_logs = np.array(frames), np.array(lives), np.array(action_logs)
        self.first, self.terminated, self.truncated = (
            np.stack([getattr(row, name) for row in rows]) for name in ("first", "terminated", "truncated")
        )


@pytest.fixture(scope="module")
def games():
    """Games by `ATARI`."""
    return Played(ATARI, 300)


@pytest.fixture(scope="module")
def short_games():
    """Games of three or four rows."""
    return Played(replace(ATARI, max_episode_frames=9), 200)


def test_a_game_begins_with_fewer_frames_than_noop_max(short_games):
    frames = short_games.frames[short_games.first]
    assert max(frames) == ATARI.noop_max - 1
    assert len(set(frames.tolist())) >= ATARI.noop_max - 1


def test_a_lost_life_terminates_while_there_are_others(games):
    lost = games.lives[1:] < games.lives[:-1]
    assert (lost & (games.lives[1:] > 0)).any()
    np.testing.assert_array_equal(games.terminated[:-1], lost)


def test_a_game_is_truncated_at_its_frames(games):
    """The frames before its first decision are not among them."""
    lasted = []
    for row, index in np.argwhere(games.truncated[:-1]):
        start = np.flatnonzero(games.first[: row + 1, index])[-1]
        lasted.append(games.frames[row + 1, index] - games.frames[start, index])
    assert set(lasted) == {ATARI.max_episode_frames}


def test_a_tape_ends_at_the_first_reset_after_its_steps(short_games):
    """A row that begins a game has an empty action log before it, or one that was not long enough yet."""
    before = short_games.action_logs[:-1][short_games.first[1:]] + 1  # with the step that reset the game
    reseeded = short_games.action_logs[1:][short_games.first[1:]] == 0
    assert reseeded.any()
    assert before[~reseeded].max() < ATARI.reseed_after <= before[reseeded].min()
    assert before[~reseeded].max() >= ATARI.reseed_after - 6
    assert before[reseeded].max() < ATARI.reseed_after + 6


@pytest.mark.parametrize("max_pool", [False, True])
def test_pixels_and_rewards_of_gymnasium_are_those_of_the_bare_environment(max_pool, column, play):
    settings = replace(GYMNASIUM, max_pool=max_pool, step_timeout=60.0)
    env = make(settings, settings.num_envs)
    assert len(multiprocessing.active_children()) == GYMNASIUM.num_workers
    env.reset(8)
    rows = play(env, 6)
    env.close()
    assert env.spec.num_envs == rows[0].observation.shape[0] == 3
    for index in range(3):
        game, next_game = (episode_seed(8, index, count) for count in (0, 1))
        frames, steps = [], [0, 2, 4, 6, 7]  # the environment's own, of which two make a decision
        for row, step in zip(rows, steps, strict=False):
            screens = [draw(game, own, 40) for own in ((step - 1, step) if max_pool and step in (2, 4, 6) else (step,))]
            frames.append(frame_by_hand(np.max(screens, axis=0), settings))
            np.testing.assert_array_equal(row.observation[index], stack_by_hand(frames, settings))
        gains = [
            reward(game, 1) + reward(game, 2),
            reward(game, 3) + reward(game, 4),
            reward(game, 5) + reward(game, 6),
        ]
        assert column(rows, "reward")[:5, index].tolist() == [*gains, reward(game, 7), 0.0]
        assert column(rows, "truncated")[:, index].tolist() == [False, False, False, True, False, False]
        begun = stack_by_hand([frame_by_hand(draw(next_game, 0, 40), settings)], settings)
        np.testing.assert_array_equal(rows[5].observation[index], begun)


def test_a_worker_that_hangs_is_given_its_time_and_its_restarts():
    kwargs = {"how": "hang", "at": 1}
    env = make(replace(GYMNASIUM, game="faulty_worlds:Failing", crop=None, kwargs=kwargs), 2)
    env.reset(0)
    env.step(np.zeros(2, dtype=np.int64))
    with pytest.raises(EnvError, match=r"no end of a step or reset after 0\.7 s .*, 2 times within 1,000 steps"):
        env.step(np.zeros(2, dtype=np.int64))
    env.close()


@pytest.mark.parametrize(("protocol", "sticky", "actions"), [("machado", 0.25, 18), ("nature", 0.0, 4)])
def test_a_protocol_acts_where_the_settings_are_silent(protocol, sticky, actions, play):
    env = make(EnvSettings(game="breakout", protocol=protocol, frameskip=1, max_pool=False), 1)
    assert env.spec.num_actions == actions
    env.reset(3)
    names = env.spec.action_meanings
    twin = Emulator(replace(ATARI, sticky=sticky, actions=names, fire_on_reset=protocol == "nature"), env.seeds()[0])
    twin.settings = replace(twin.settings, frameskip=1, crop=None, height=84, width=84, gray=True, stack=4)
    np.testing.assert_array_equal(env.observation[0], twin.begin(int(env.frame_number[0])))
    for row in play(env, 60):
        after = twin.step(int(row.action[0]))
    np.testing.assert_array_equal(env.observation[0], after)
    env.close()
