import numpy as np

from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array
from rlvision.envs.counting_env import read, reward
from rlvision.envs.screen import make_screen
from rlvision.watch.rollout import Game, Rollout, RolloutStep, game_of


def steps(rollout_step: RolloutStep) -> tuple[int, list[int]]:
    """The step that was acted on, and those that the pictures show."""
    return read(rollout_step.observation[-1])[1], [read(frame[:, :, 0])[1] for frame in rollout_step.frames]


def test_a_game_is_told_from_its_opening_to_its_end(counting_rollout) -> None:
    rollout_steps = list(counting_rollout(4))
    assert [steps(rollout_step) for rollout_step in rollout_steps] == [(0, [0, 1]), (1, [2]), (2, [3]), (3, [4])]
    assert [rollout_step.action for rollout_step in rollout_steps] == [0, 1, 2, 0]
    assert [rollout_step.q_values.tolist() for rollout_step in rollout_steps] == [
        [0, 1, 2],
        [1, 2, 3],
        [2, 3, 4],
        [3, 4, 5],
    ]
    assert [rollout_step.length for rollout_step in rollout_steps] == [1, 2, 3, 4]
    assert [(rollout_step.first, rollout_step.last, rollout_step.over) for rollout_step in rollout_steps] == [
        (True, False, False),
        (False, False, False),
        (False, False, False),
        (False, True, True),
    ]
    number = read(rollout_steps[0].observation[-1])[0]
    expected = np.cumsum([reward(number, step) for step in (1, 2, 3, 4)])
    assert [rollout_step.score for rollout_step in rollout_steps] == expected.tolist()
    assert {rollout_step.lives for rollout_step in rollout_steps} == {None}


def test_every_game_has_a_seed_of_its_own_and_can_be_repeated(counting_rollout) -> None:
    rollout = counting_rollout(2, games=3, seed=7)
    rollout_steps = list(rollout)
    assert [
        (rollout_step.game, rollout_step.seed, rollout_step.first, rollout_step.over) for rollout_step in rollout_steps
    ] == [
        (1, 7, True, False),
        (1, 7, False, True),
        (2, 8, True, False),
        (2, 8, False, True),
        (3, 9, True, False),
        (3, 9, False, True),
    ]
    numbers = [read(rollout_step.observation[-1])[0] for rollout_step in rollout_steps]
    assert len(set(numbers)) == 3
    assert [read(rollout_step.observation[-1])[0] for rollout_step in counting_rollout(2, games=3, seed=7)] == numbers


def test_games_of_one_decision_begin_and_end_at_once(counting_rollout) -> None:
    assert [
        (rollout_step.first, rollout_step.over, steps(rollout_step)) for rollout_step in counting_rollout(1, games=2)
    ] == [(True, True, (0, [0, 1]))] * 2


def test_a_game_is_cut_short_after_max_steps(counting_rollout) -> None:
    rollout_steps = list(counting_rollout(9, games=2, max_steps=3))
    assert [(rollout_step.length, rollout_step.last, rollout_step.over) for rollout_step in rollout_steps] == [
        (1, False, False),
        (2, False, False),
        (3, True, False),
    ] * 2
    assert game_of(rollout_steps[2]) == Game(rollout_steps[2].score, 3, 0, over=False)


def test_a_skipped_game_gives_way_to_the_next(counting_rollout) -> None:
    rollout = counting_rollout(9, games=3)
    seen = []
    for rollout_step in rollout:
        seen.append((rollout_step.game, rollout_step.length))
        if rollout_step.game < 3 and rollout_step.length == rollout_step.game:
            rollout.skip()
    assert seen == [(1, 1), (2, 1), (2, 2), *((3, length) for length in range(1, 10))]


def test_a_decision_is_made_only_once_the_moment_before_it_was_seen(counting_rollout) -> None:
    rollout, tape = counting_rollout(4), []
    act = rollout._policy.act
    rollout._policy.act = lambda *given: tape.append("decides") or act(*given)
    for rollout_step in rollout:
        tape.append(rollout_step.length)
    # the step after the fourth tells that the game is over: its decision is thrown away
    assert tape == ["decides", 1, "decides", 2, "decides", 3, "decides", "decides", 4]


class FireAlways:
    """Starts every ball of Breakout, and never moves."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        return np.ones(1, dtype=np.int64)


def no_opinion(observation: UInt8Array) -> FloatArray:
    return np.zeros((1, 4), dtype=np.float32)


def test_a_lost_life_ends_no_game(atari) -> None:
    env = atari("breakout", 1, life_loss=True, sticky=0.0, noop_max=0)
    rollout_steps = list(Rollout(env, make_screen(env), no_opinion, FireAlways(), seed=3))
    env.close()
    lives = [rollout_step.lives for rollout_step in rollout_steps]
    assert list(dict.fromkeys(lives)) == [5, 4, 3, 2, 1, 0]
    assert [rollout_step.over for rollout_step in rollout_steps].index(True) == len(rollout_steps) - 1
    assert rollout_steps[0].frames[0].shape == (210, 160, 3)
    assert {len(rollout_step.frames) for rollout_step in rollout_steps[1:-1]} == {4}
