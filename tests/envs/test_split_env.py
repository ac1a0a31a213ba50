"""Environments in two halves: the same as in one vector, whatever the order of the steps; errors; close."""

from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from rlvision.core.errors import CheckpointError, EnvError
from rlvision.core.types import BoolArray, EnvSpec, IntArray, Progress, UInt8Array
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.split_env import SplitEnv, play_double_buffered
from rlvision.envs.vector_env import Outcome, ReplayableVectorEnv
from tests.conftest import COUNTING_ENV

SMALL = {"height": 36, "width": 36, "stack": 2, "sticky": 0.25}
WORLDS = {
    "pong": {**SMALL, "max_episode_frames": 160, "reseed_after": 70},
    "breakout": {**SMALL, "life_loss": True, "max_episode_frames": 800, "reseed_after": 150},
}
N = 4
STEPS = {"pong": 130, "breakout": 260}
"""Enough for truncations, new seeds, and in Breakout lost lives."""


@pytest.fixture(params=WORLDS)
def world(request, made):
    """Makes the environments of a world, whole or in halves."""
    return lambda split, num_envs=N: made(request.param, num_envs, split=split, **WORLDS[request.param])


def by_pixels(half: int, observation: UInt8Array, first: BoolArray) -> IntArray:
    """Actions that depend on every pixel, and on no other environment."""
    sums = observation.reshape(len(observation), -1).sum(axis=1, dtype=np.int64)
    return (sums // 7 + first) % 4


@pytest.mark.parametrize(("world", "steps"), STEPS.items(), indirect=["world"])
def test_halves_are_the_same_environments_as_the_whole(world, steps, assert_same, play, column):
    whole, split = world(False), world(True)
    with closing(whole), closing(split):
        assert isinstance(split, SplitEnv)
        assert split.spec == whole.spec
        np.testing.assert_array_equal(split.reset(3), whole.reset(3))
        rows = play(whole, steps)
        assert_same(play(split, steps), rows)
        assert column(rows, "first")[1:].any()
        assert (column(rows, "terminated") | column(rows, "truncated")).any()
        assert {log.count for log in whole.action_logs} != {0}
        assert split.seeds() == whole.seeds()
        np.testing.assert_array_equal(split.first, whole.first)
        np.testing.assert_array_equal(split.observation, whole.observation)
        assert [log.to_numpy().tolist() for log in split.action_logs] == [
            log.to_numpy().tolist() for log in whole.action_logs
        ]


def test_double_buffered_play_is_that_of_the_halves_in_turn_and_of_the_whole(world, assert_same):
    whole, split = world(False), world(True)
    with closing(whole), closing(split):
        whole.reset(4)
        rows = [whole.step(by_pixels(0, whole.observation, whole.first)) for _ in range(100)]
        split.reset(4)
        buffered = [*play_double_buffered(split, by_pixels, 1), *play_double_buffered(split, by_pixels, 99)]
        assert_same(buffered, rows)
        assert split.state_dict()["hashes"] == whole.state_dict()["hashes"]


@pytest.mark.parametrize("saved_split", [False, True])
def test_a_state_in_mid_game_continues_in_either_form(saved_split, world, assert_same, play, differences):
    saved, restored = world(saved_split), world(not saved_split)
    with closing(saved), closing(restored):
        saved.reset(5)
        play(saved, 90)
        state = saved.state_dict()
        reports: list[tuple[int, int]] = []
        restored.progress = lambda done, total: reports.append((done, total))
        restored.load_state_dict(state)
        assert differences(restored.state_dict(), state) == []
        np.testing.assert_array_equal(restored.first, saved.first)
        assert_same(play(restored, 70, seed=1), play(saved, 70, seed=1))
        assert all(before[0] < after[0] for before, after in pairwise(reports))
        assert reports[-1] == (reports[0][1], reports[0][1])


def test_games_begin_by_given_seeds(world, assert_same, play):
    whole, split = world(False), world(True)
    with closing(whole), closing(split):
        for env in (whole, split):
            env.rewind(range(50, 50 + N))
        np.testing.assert_array_equal(split.observation, whole.observation)
        assert split.seeds() == whole.seeds() == tuple(range(50, 50 + N))
        play(whole, 5), play(split, 5)
        for seeds in ({1: 8}, {3: 9, 0: 7}):
            np.testing.assert_array_equal(split.begin_games(seeds), whole.begin_games(seeds))
            np.testing.assert_array_equal(split.first, whole.first)
        assert split.seeds() == (7, 8, 52, 9)
        assert_same(play(split, 20), play(whole, 20))


@pytest.mark.parametrize(
    ("game", "num_envs", "kind"),
    [("pong", 4, SplitEnv), ("pong", 2, AtariEnv), ("pong", 5, AtariEnv), (COUNTING_ENV, 4, GymnasiumEnv)],
)
def test_only_an_even_number_of_atari_games_comes_in_halves(game, num_envs, kind, made):
    with closing(made(game, num_envs, split=True, height=32, width=32)) as env:
        assert isinstance(env, kind)
        assert env.spec.num_envs == num_envs


def test_infos_are_those_of_both_halves():
    assert [info["name"] for info in SplitEnv(Half).infos()] == ["a", "a", "b", "b"]


# Halves that fail when they are told to.


class Half(ReplayableVectorEnv):
    """Observes its first place and its number of steps."""

    def __init__(self, first_index: int, tape: list[str] | None = None) -> None:
        super().__init__(EnvSpec(2, (1, 1, 1), 1, tuple("abcd"), 1), 10, first_index)
        self.name, self.tape = "ab"[first_index // 2], [] if tape is None else tape
        self.fails, self.reward, self.steps = False, 0.0, 0

    def infos(self) -> list[dict[str, Any]]:
        return [{"name": self.name}] * 2

    def _look(self) -> UInt8Array:
        return np.full((2, 1, 1, 1), 100 * self._first_index + self.steps, np.uint8)

    def _begin(self, action: IntArray) -> None:
        self.tape.append(f"send {self.name}")

    def _finish(self) -> Outcome:
        self.tape.append(f"recv {self.name}")
        if self.fails:
            raise EnvError(f"half {self.name} failed")
        self.steps += 1
        no = np.zeros(2, np.bool_)
        return Outcome(self._look(), np.full(2, self.reward, np.float32), no, no, no)

    def _restart(self, mask: BoolArray, seeds: Sequence[int]) -> UInt8Array:
        self.steps = 0
        return self._look()

    def _reseed(self, due: BoolArray, observation: UInt8Array) -> UInt8Array:
        return observation

    def _replay(self, progress: Progress) -> UInt8Array:
        self.steps = max(map(len, self.action_logs))
        return self._look()

    def _release(self) -> None:
        self.tape.append(f"close {self.name}")
        if self.fails:
            raise EnvError(f"half {self.name} failed")


@pytest.fixture
def tape() -> list[str]:
    """What the halves did, in order."""
    return []


@pytest.fixture
def split(tape) -> SplitEnv:
    env = SplitEnv(lambda first_index: Half(first_index, tape))
    env.reset(1)
    return env


ZEROS = np.zeros(4, np.int64)


def test_while_one_half_steps_the_policy_acts_for_the_other(split, tape):
    def act(half: int, observation: UInt8Array, first: BoolArray) -> IntArray:
        tape.append(f"act {'ab'[half]}")
        assert (len(observation), len(first)) == (2, 2)
        return np.zeros(2, np.int64)

    rows = []
    for row in play_double_buffered(split, act, 2):
        tape.append("row")
        rows.append(row)
    begun = ["act a", "send a", "act b", "send b"]
    second = ["recv a", "act a", "send a", "recv b", "act b", "send b", "row"]
    assert tape == [*begun, *second, "recv a", "recv b", "row"]
    assert [row.observation[:, 0, 0, 0].tolist() for row in rows] == [[0, 0, 200, 200], [1, 1, 201, 201]]
    assert split.state_dict()["counts"].tolist() == [0] * 4


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("how", ["error", "reward"])
def test_a_step_that_fails_in_a_half_leaves_the_whole_as_it_was(failing, how, split, differences):
    split.step(ZEROS)
    before, observation = split.state_dict(), split.observation
    half: Any = split.parts[failing]
    half.fails, half.reward = how == "error", np.nan
    split.send(ZEROS)
    with pytest.raises(EnvError, match="failed" if how == "error" else "finite rewards"):
        split.recv()
    half.fails, half.reward = False, 0.0
    assert not any(part.stepping for part in split.parts)
    assert differences(split.state_dict(), before) == []
    np.testing.assert_array_equal(split.observation, observation)
    with pytest.raises(EnvError, match="after a step that failed"):
        split.send(ZEROS)
    split.load_state_dict(before)
    assert split.step(ZEROS).observation[:, 0, 0, 0].tolist() == [1, 1, 201, 201]


@pytest.mark.parametrize("action", [np.zeros(2, np.int64), np.array([0, 0, 0, 4]), np.zeros(4)])
def test_refused_actions_step_neither_half(action, split, tape):
    with pytest.raises(EnvError, match=r"expected (a numpy array of 4 integer actions|actions from 0 to 3)"):
        split.send(action)
    assert tape == []


@pytest.mark.parametrize("stepping", [0, 1])
@pytest.mark.parametrize(
    "verb",
    [
        lambda env: env.reset(1),
        lambda env: env.rewind([1, 2, 3, 4]),
        lambda env: env.begin_games({0: 1, 3: 1}),
        lambda env: env.send(ZEROS),
        lambda env: env.load_state_dict({}),
        lambda env: env.state_dict(),
        lambda env: env.recv(),
    ],
)
def test_a_half_in_a_step_refuses_the_whole(verb, stepping, split, tape):
    """Neither half has moved when the whole is refused."""
    split.parts[stepping].send(np.zeros(2, np.int64))
    with pytest.raises(EnvError, match=r"receive the step under way first|send actions first"):
        verb(split)
    assert tape == [f"send {'ab'[stepping]}"]
    assert [part.stepping for part in split.parts] == [stepping == 0, stepping == 1]


@pytest.mark.parametrize("num_envs", [3, 5])
def test_a_state_of_another_number_of_environments_changes_neither_half(num_envs, split, differences):
    before = split.state_dict()
    state = {name: (value * 2)[:num_envs] if isinstance(value, list) else value for name, value in before.items()}
    with pytest.raises(CheckpointError, match=f"action logs of 4 environments with 4 actions, got {num_envs} action"):
        split.load_state_dict(state)
    assert differences(split.state_dict(), before) == []


def test_observations_of_the_whole_are_kept_until_a_half_moves(split):
    held = split.observation
    assert split.observation is held
    split.parts[1].step(np.zeros(2, np.int64))
    assert split.observation[:, 0, 0, 0].tolist() == [0, 0, 201, 201]
    assert held[:, 0, 0, 0].tolist() == [0, 0, 200, 200]


def test_both_halves_are_closed_once_even_if_one_fails(split, tape):
    split.close()
    split.close()
    assert tape == ["close a", "close b"]
    with pytest.raises(EnvError, match="after close"):
        split.send(ZEROS)


def test_a_half_that_cannot_be_closed_does_not_keep_the_other_open(split, tape):
    split.parts[0].fails = True
    with pytest.raises(EnvError, match="half a failed"):
        split.close()
    assert tape == ["close a", "close b"]


def test_a_half_that_cannot_be_made_closes_the_other(tape):
    def make_half(first_index: int) -> Half:
        if first_index:
            raise EnvError("no second half")
        return Half(first_index, tape)

    with pytest.raises(EnvError, match="no second half"):
        SplitEnv(make_half)
    assert tape == ["close a"]
