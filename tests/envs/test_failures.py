"""An environment that fails is replaced; its game is cut, exactly, and nothing else is touched."""

import logging
import multiprocessing
import os
import re
import signal

import numpy as np
import pytest

from rlvision.core.errors import ConfigError, EnvError
from rlvision.envs.action_log import episode_seed
from rlvision.envs.counting_env import read, reward
from rlvision.training.collector import EpisodeStats

SIZE = {"height": 32, "width": 32, "stack": 2}
HUNG = {"step_timeout": 2.0}


@pytest.fixture
def make(rendered):
    def _make(how="raise", at=3, games=(), num_envs=2, num_workers=0, **settings):
        kwargs = {"how": how, "at": at, "games": games}
        return rendered("faulty_worlds:Failing", num_envs, kwargs=kwargs, num_workers=num_workers, **SIZE, **settings)

    return _make


def seen(rows, index):
    """The (game, step) that environment ``index`` shows in each row."""
    return [read(row.observation[index, -1]) for row in rows]


CASES = [
    ("raise", 0, {}, {1}, r"ValueError: the wheel came off \(faulty_worlds.py:\d+; step 3 of the game with seed \d+\)"),
    ("exit", 0, {}, {1}, r"SystemExit: no petrol \(faulty_worlds.py"),
    ("raise", 1, {}, {1}, "ValueError: the wheel came off"),
    ("kill", 2, {}, {1}, r"the death of its process \(SIGKILL, by hand or for want of memory\)"),
    ("leave", 1, {}, {0, 1}, r"the death of its process \(exit code 7; .*\); environments 0 to 1 shared its process"),
    (
        "hang",
        1,
        HUNG,
        {0, 1},
        r"no end of a step or reset after 2 s \(raise env.step_timeout \(2 s\) if it is only slow\); environments 0",
    ),
]


@pytest.mark.parametrize(("how", "num_workers", "settings", "cut", "words"), CASES)
def test_a_game_that_fails_is_cut_and_the_next_begins(
    caplog, how, num_workers, settings, cut, words, column, play, make
):
    """Row by row: the failed step ends nothing, and after it the next game of the action log begins."""
    twin = make()
    twin.reset(8)
    env = make(how, games=[episode_seed(8, 1, 0)], num_workers=num_workers, **settings)
    env.reset(8)
    with caplog.at_level(logging.WARNING, "rlvision"):
        rows, expected = play(env, 9), play(twin, 9)
    for index in {0, 1} - cut:
        for name in ("observation", "reward", "terminated", "truncated", "first"):
            np.testing.assert_array_equal(column(rows, name)[:, index], column(expected, name)[:, index])
    for index in cut:
        first, second = (episode_seed(8, index, count) for count in (0, 1))
        assert seen(rows, index) == [(first, 0), (first, 1), (first, 2), *((second, step) for step in range(6))]
        assert column(rows, "first")[:, index].tolist() == [row in (0, 3) for row in range(9)]
        assert column(rows, "terminated")[:, index].tolist() == [row == 8 and second % 2 == 0 for row in range(9)]
        assert column(rows, "truncated")[:, index].tolist() == [row == 8 and second % 2 == 1 for row in range(9)]
        paid = [reward(first, 1), reward(first, 2), 0.0, *(reward(second, step) for step in range(1, 7))]
        assert column(rows, "reward")[:, index].tolist() == paid
        assert env.seeds()[index] == second
    (record,) = caplog.records
    assert record.message.startswith("expected environment 1 of faulty_worlds:Failing to work, got ")
    assert record.message.endswith("; it is replaced: its game is dropped, another begins")
    assert re.search(words, record.message)
    env.close()
    twin.close()
    assert not multiprocessing.active_children()


def test_no_transition_crosses_the_cut(make_replay, play, make):
    """All that the replay holds, against the environment's own arithmetic: returns, discounts, last observations."""
    env = make(games=[episode_seed(8, index, count) for index, count in ((0, 0), (1, 1), (1, 2))])
    env.reset(8)
    replay = make_replay(
        capacity=128,
        num_envs=2,
        frame_shape=(1, 32, 32),
        stack=2,
        n_step=3,
        gamma=0.5,
        batch_size=3000,  # all transitions are among them
        learning_starts=1,
    )
    for row in play(env, 40):
        replay.add(row)
    env.close()
    batch = replay.sample().transition
    cut = {episode_seed(8, index, count): 2 for index, count in ((0, 0), (1, 1), (1, 2))}  # the last one seen
    starts = set()
    for start, after, total, discount in zip(
        batch.observation.numpy(), batch.next_observation.numpy(), batch.reward, batch.discount, strict=True
    ):
        (game, step), (game_after, step_after) = read(start[-1]), read(after[-1])
        starts.add((game, step))
        last = cut.get(game, 6)
        assert (game_after, step_after) == (game, min(step + 3, last))
        assert total == sum(0.5**k * reward(game, step + 1 + k) for k in range(step_after - step))
        terminated = step_after == 6 and game % 2 == 0
        assert discount == (0 if terminated else 0.5 ** (step_after - step))
    for game in cut:
        assert {step for other, step in starts if other == game} == {0, 1}  # what came of 2, nobody knows


def test_a_cut_game_has_no_score_and_whole_ones_keep_theirs(make):
    env = make(num_envs=1, games=[episode_seed(8, 0, 1)])
    env.reset(8)
    keeper = EpisodeStats(1, 1)
    games = []
    for _ in range(20):
        games += [episode for _, episode in keeper.add(env.step(np.zeros(1, np.int64)), env.seeds())]
    env.close()
    seeds = [episode_seed(8, 0, count) for count in (0, 2)]
    assert [(game.seed, game.length) for game in games] == [(seed, 6) for seed in seeds]
    assert [game.score for game in games] == [sum(reward(seed, step) for step in range(1, 7)) for seed in seeds]


@pytest.mark.parametrize(("how", "num_workers"), [("raise", 0), ("leave", 1)])
def test_the_tapes_tell_the_truth_after_a_failure(how, num_workers, assert_same, make):
    """States of before, at and after the cut, brought back in other environments, go on as these did."""
    games = [episode_seed(8, 1, 0)]
    env, fresh = (make(how, games=games, num_workers=num_workers) for _ in range(2))
    env.reset(8)
    rng, states, rows = np.random.default_rng(1), [], []
    for _ in range(8):
        states.append(env.state_dict())
        rows.append(env.step(rng.integers(0, 4, 2)))
    for moment in (2, 3, 5):
        fresh.load_state_dict(states[moment])
        np.testing.assert_array_equal(fresh.observation, rows[moment].observation)
        assert_same([fresh.step(row.action) for row in rows[moment:]], rows[moment:])
    env.close()
    fresh.close()


def test_a_seed_that_no_game_begins_with_is_skipped(assert_same, column, play, make):
    bad = [episode_seed(8, 0, 1), episode_seed(8, 0, 2)]
    env = make(at=0, games=bad, num_envs=1)
    env.reset(8)
    rows = play(env, 10)  # the seventh is the reset that fails: once by itself, once more, then with the seed after
    assert seen(rows, 0)[6:9] == [(episode_seed(8, 0, 0), 6), (episode_seed(8, 0, 3), 0), (episode_seed(8, 0, 3), 1)]
    assert column(rows, "first")[:, 0].tolist() == [row in (0, 7) for row in range(10)]
    state = env.state_dict()
    rows = play(env, 12)
    env.load_state_dict(state)
    assert_same(play(env, 12), rows)
    env.close()


def test_a_reset_that_fails_is_tried_again_by_the_same_seed_and_then_by_the_next(play, make):
    env = make(at=0, games=[episode_seed(8, 0, 0)])
    env.reset(8)
    assert env.seeds() == (episode_seed(8, 0, 1), episode_seed(8, 1, 0))
    rows = play(env, 10)
    assert seen(rows, 0)[0] == (episode_seed(8, 0, 1), 0)
    assert seen(rows, 0)[7] == (episode_seed(8, 0, 2), 0)
    env.close()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_what_fails_again_and_again_is_an_error_and_the_step_as_if_it_had_not_been(caplog, num_workers, play, make):
    env = make(at=1, games=None, num_envs=1, num_workers=num_workers, max_restarts=1)
    env.reset(8)
    play(env, 1)
    before = env.state_dict()
    with pytest.raises(EnvError, match=r", 2 times within 1,000 steps: fix .* env.max_restarts \(1\)") as refused:
        play(env, 1)
    assert len(caplog.records) == 1
    assert re.search(r"faulty_worlds.py(.|\n)*ValueError: the wheel", refused.value.__notes__[0])  # for --debug
    after = env.state_dict()
    assert [*before] == [*after]
    assert all(str(before[name]) == str(after[name]) for name in before)
    with pytest.raises(EnvError, match=r"expected reset\(seed\) or load_state_dict\(state\) after a step that failed"):
        play(env, 1)
    env.reset(8)
    assert read(env.observation[0, -1]) == (episode_seed(8, 0, 0), 0)
    env.close()


def test_the_first_failure_is_an_error_where_none_is_allowed(play, make):
    env = make(at=1, games=None, max_restarts=0)
    env.reset(8)
    with pytest.raises(EnvError, match=r"the wheel came off \(.*\): fix the environment, or raise env.max_restarts"):
        play(env, 1)
    env.close()


def kill_workers():
    """All of them, by hand."""
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)
        process.join()


def test_a_worker_that_dies_between_two_steps_costs_its_games(caplog, column, play, make):
    env = make(num_workers=2)
    env.reset(8)
    play(env, 2)
    kill_workers()
    rows = play(env, 3)
    assert column(rows, "first").tolist() == [[False, False], [True, True], [False, False]]
    assert [read(frame[-1]) for frame in rows[1].observation] == [(episode_seed(8, index, 1), 0) for index in (0, 1)]
    assert len(caplog.records) == 2
    assert "environment 0 of faulty_worlds:Failing to work, got the death" in caplog.text
    env.close()


def test_a_worker_that_dies_before_a_reset_costs_nothing(assert_same, play, make):
    env = make(num_workers=1)
    env.reset(8)
    rows = play(env, 3)
    kill_workers()
    env.reset(8)
    assert_same(play(env, 3), rows)
    env.close()


def test_neighbours_of_a_worker_that_dies_as_another_game_is_begun_are_cut_too(column, play, make):
    env = make(num_workers=1)
    env.reset(8)
    play(env, 2)
    kill_workers()
    env.begin_games({0: 77})
    assert env.first.tolist() == [True, False]
    assert read(env.observation[0, -1]) == (77, 0)
    rows = play(env, 2)
    assert column(rows, "first").tolist() == [[True, False], [False, True]]
    assert seen(rows, 1) == [(episode_seed(8, 1, 0), 2), (episode_seed(8, 1, 1), 0)]
    assert env.seeds()[1] == episode_seed(8, 1, 1)
    env.close()


def test_an_environment_that_dies_as_it_is_brought_back_begins_anew(caplog, play, make):
    env = make(num_workers=2)
    env.reset(8)
    play(env, 3)
    state = env.state_dict()
    env.close()
    env = make("leave", at=2, games=[episode_seed(8, 1, 0)], num_workers=2)
    env.load_state_dict(state)
    assert env.first.tolist() == [False, True]
    assert [read(frame[-1]) for frame in env.observation] == [(episode_seed(8, 0, 0), 3), (episode_seed(8, 1, 1), 0)]
    assert "the death of its process" in caplog.text
    assert "1 of 2 environments did not repeat their past" in caplog.text
    env.close()


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize(
    ("name", "kwargs", "words"),
    [
        (
            "faulty_worlds:Stillborn",
            {},
            r"Stillborn to work, got RuntimeError: no licence \(.*\): fix the environment",
        ),
        ("faulty_worlds:Failing", {"at": 0}, r"Failing to work, got ValueError: .*: fix the environment, or its argu"),
        (
            "faulty_worlds:BadReset",
            {},
            r"expected reset\(seed=...\) to return \(observation, info\), got float32 \[2\]",
        ),
    ],
)
def test_what_cannot_begin_even_one_game_is_refused(name, kwargs, words, num_workers, rendered):
    with pytest.raises(EnvError, match=words):
        rendered(name, 1, kwargs=kwargs, num_workers=num_workers)


def test_what_cannot_be_closed_is_left_with_a_line(caplog, rendered):
    env = rendered("faulty_worlds:Clinging", 2)
    caplog.clear()
    env.close()
    assert [record.message.split("(")[0] for record in caplog.records] == [
        f"expected environment {index} of faulty_worlds:Clinging to work, got RuntimeError: still in use "
        for index in (0, 1)
    ]


@pytest.mark.parametrize("settings", [{"step_timeout": -1.0}, {"max_restarts": -1}])
def test_impossible_limits_are_refused(settings, make):
    with pytest.raises(ConfigError, match="step_timeout and max_restarts >= 0"):
        make(**settings)
