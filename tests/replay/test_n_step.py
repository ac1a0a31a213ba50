"""Windows and stacks, by hand."""

import numpy as np
import pytest
import torch

from rlvision.core.errors import ConfigError, EnvError
from rlvision.core.types import EnvStep
from rlvision.replay.n_step import episode_start_column, n_step_return, window_length


def flags(*rows):
    return torch.tensor([[mark == "x" for mark in row] for row in rows])


def test_a_window_stops_after_an_end_and_before_a_dead_row():
    ended = flags("...", "x..", ".x.", "...", "..x", "x.x")  # rows i, i + 1, i + 2
    first = flags("...", ".x.", "...", "x..", "..x", "...")  # rows i + 2, i + 3, i + 4
    assert window_length(ended, first).tolist() == [4, 1, 2, 1, 3, 1]


def test_one_step_windows_hold_one_reward():
    assert window_length(torch.zeros(3, 0, dtype=torch.bool), torch.zeros(3, 0, dtype=torch.bool)).tolist() == [1, 1, 1]


def test_the_return_leaves_out_what_lies_beyond_the_window():
    reward = torch.tensor([[8.0, 4.0, 2.0], [8.0, 4.0, float("nan")]])
    within = flags("xxx", "xx.")
    assert n_step_return(reward, within, torch.tensor([1.0, 0.5, 0.25])).tolist() == [10.5, 10.0]


def test_a_game_begins_at_the_last_first_in_its_stack():
    assert episode_start_column(flags("....", "x...", ".x..", "...x", "xx.x")).tolist() == [0, 0, 1, 3, 3]


GAME = """
row  reward  ended       first  what
0    1       -           x      a game begins
1    2       -           -
2    4       terminated  -      a life is lost, the game goes on
3    8       -           -
4    16      truncated   -      the time is up
5    0       -           -      the true last observation
6    32      -           x      the next game
7    64      -           -      cut: the row after it is of another game
8    128     -           x
9    256     terminated  -      the end
10   0       -           -      the true last observation
11   512     -           x
12   1024    -           -
13   2048    -           -
"""


def step(line, frame):
    row, reward, ended, first, *_ = line.split()
    return EnvStep(
        observation=np.full((1, 2, 1, 1), frame, np.uint8),
        action=np.array([int(row)]),
        reward=np.array([float(reward)], np.float32),
        terminated=np.array([ended == "terminated"]),
        truncated=np.array([ended == "truncated"]),
        first=np.array([first == "x"]),
    )


@pytest.fixture
def replay_of(make_replay):
    """A replay of the rows of a table."""

    def told(lines, **changes):
        replay = make_replay(**{"capacity": 32, "stack": 2, "n_step": 2, "gamma": 0.5} | changes)
        for line in lines:
            replay.add(step(line, 100 + int(line.split()[0])))
        return replay

    return told


def transitions(replay):
    """row -> (observation, return, discount, next observation), with frames by the number of their row."""
    index = torch.from_numpy(replay._starts.at(np.arange(replay.size)))
    read = replay._assembler.gather(index)

    def rows_of(stacks):
        return [tuple(frame - 100 if frame else None for frame in stack) for stack in stacks.flatten(1).tolist()]

    columns = (rows_of(read.observation), read.reward.tolist(), read.discount.tolist(), rows_of(read.next_observation))
    assert read.action.tolist() == index.tolist()
    return dict(zip(index.tolist(), zip(*columns, strict=True), strict=True))


def test_two_games_a_life_a_time_limit_and_a_cut_by_hand(replay_of):
    assert transitions(replay_of(GAME.strip().splitlines()[1:])) == {
        0: ((None, 0), 1 + 2 / 2, 0.25, (1, 2)),
        1: ((0, 1), 2 + 4 / 2, 0.0, (2, 3)),
        2: ((1, 2), 4, 0.0, (2, 3)),  # a window ends with a life
        3: ((2, 3), 8 + 16 / 2, 0.25, (4, 5)),
        4: ((3, 4), 16, 0.5, (4, 5)),  # a time limit is no end of the world
        6: ((None, 6), 32, 0.5, (6, 7)),  # row 7 is dead: nobody knows what it led to
        8: ((None, 8), 128 + 256 / 2, 0.0, (9, 10)),
        9: ((8, 9), 256, 0.0, (9, 10)),
        11: ((None, 11), 512 + 1024 / 2, 0.25, (12, 13)),
    }


def test_rewards_are_transformed_before_they_are_summed(replay_of):
    lines = ["0 5 - x", "1 -7 - -", "2 0.25 - -", "3 0 - -"]
    replay = replay_of(lines, n_step=3, reward_transform=lambda reward: reward.clamp(-1, 1))
    assert transitions(replay)[0][1] == 1 - 1 / 2 + 0.25 / 4


def test_a_capacity_that_does_not_hold_a_window_is_refused(replay_of):
    with pytest.raises(ConfigError, match=r"at least .* 4 rows, got 3 rows: raise replay.capacity"):
        replay_of([], capacity=3)
    replay = replay_of([], capacity=4)
    with pytest.raises(ConfigError, match="5 rows, got 4"):
        replay.set_horizon(3, 0.5)


@pytest.mark.parametrize("horizon", [(0, 0.5), (1, -0.1), (1, 1.1)])
def test_impossible_horizons_are_refused(replay_of, horizon):
    with pytest.raises(ConfigError, match="n_step >= 1 and 0 <= gamma <= 1"):
        replay_of([]).set_horizon(*horizon)


@pytest.mark.parametrize("shape", [(2, 2, 1, 1), (1, 3, 1, 1), (1, 2, 2, 1)])
def test_observations_of_another_shape_are_refused(replay_of, shape):
    replay = replay_of([], frame_shape=(2, 1, 1), stack=1)
    row = step("0 0 - x", 0)
    wrong = EnvStep(np.zeros(shape, np.uint8), row.action, row.reward, row.terminated, row.truncated, row.first)
    with pytest.raises(EnvError, match=r"expected uint8 observations \[1, k \* 2, 1, 1\], got uint8"):
        replay.add(wrong)
