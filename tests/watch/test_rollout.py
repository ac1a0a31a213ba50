import numpy as np
from counting_rollout import counting_rollout
from small_envs import atari

from rlvision.core.types import BoolArray, FloatArray, IntArray, UInt8Array
from rlvision.envs.counting_env import read, reward
from rlvision.envs.screen import make_screen
from rlvision.watch.rollout import Game, Moment, Rollout, game_of


def steps(moment: Moment) -> tuple[int, list[int]]:
    """The step that was acted on, and those that the pictures show."""
    return read(moment.observation[-1])[1], [read(frame[:, :, 0])[1] for frame in moment.frames]


def test_a_game_is_told_from_its_opening_to_its_end() -> None:
    moments = list(counting_rollout(4))
    assert [steps(moment) for moment in moments] == [(0, [0, 1]), (1, [2]), (2, [3]), (3, [4])]
    assert [moment.action for moment in moments] == [0, 1, 2, 0]
    assert [moment.q_values.tolist() for moment in moments] == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert [moment.length for moment in moments] == [1, 2, 3, 4]
    assert [(moment.first, moment.last, moment.over) for moment in moments] == [
        (True, False, False),
        (False, False, False),
        (False, False, False),
        (False, True, True),
    ]
    number = read(moments[0].observation[-1])[0]
    expected = np.cumsum([reward(number, step) for step in (1, 2, 3, 4)])
    assert [moment.score for moment in moments] == expected.tolist()
    assert {moment.lives for moment in moments} == {None}


def test_every_game_has_a_seed_of_its_own_and_can_be_repeated() -> None:
    rollout = counting_rollout(2, games=3, seed=7)
    moments = list(rollout)
    assert [(moment.game, moment.seed, moment.first, moment.over) for moment in moments] == [
        (1, 7, True, False),
        (1, 7, False, True),
        (2, 8, True, False),
        (2, 8, False, True),
        (3, 9, True, False),
        (3, 9, False, True),
    ]
    numbers = [read(moment.observation[-1])[0] for moment in moments]
    assert len(set(numbers)) == 3
    assert [read(moment.observation[-1])[0] for moment in counting_rollout(2, games=3, seed=7)] == numbers


def test_games_of_one_decision_begin_and_end_at_once() -> None:
    assert [(moment.first, moment.over, steps(moment)) for moment in counting_rollout(1, games=2)] == [
        (True, True, (0, [0, 1]))
    ] * 2


def test_a_game_is_cut_short_after_max_steps() -> None:
    moments = list(counting_rollout(9, games=2, max_steps=3))
    assert [(moment.length, moment.last, moment.over) for moment in moments] == [
        (1, False, False),
        (2, False, False),
        (3, True, False),
    ] * 2
    assert game_of(moments[2]) == Game(moments[2].score, 3, 0, over=False)


def test_a_skipped_game_gives_way_to_the_next() -> None:
    rollout = counting_rollout(9, games=3)
    seen = []
    for moment in rollout:
        seen.append((moment.game, moment.length))
        if moment.game < 3 and moment.length == moment.game:
            rollout.skip()
    assert seen == [(1, 1), (2, 1), (2, 2), *((3, length) for length in range(1, 10))]


def test_a_decision_is_made_only_once_the_moment_before_it_was_seen() -> None:
    rollout, tape = counting_rollout(4), []
    act = rollout._policy.act
    rollout._policy.act = lambda *given: tape.append("decides") or act(*given)
    for moment in rollout:
        tape.append(moment.length)
    # the step after the fourth tells that the game is over: its decision is thrown away
    assert tape == ["decides", 1, "decides", 2, "decides", 3, "decides", "decides", 4]


class FireAlways:
    """Starts every ball of Breakout, and never moves."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        return np.ones(1, dtype=np.int64)


def no_opinion(observation: UInt8Array) -> FloatArray:
    return np.zeros((1, 4), dtype=np.float32)


def test_a_lost_life_ends_no_game() -> None:
    env = atari("breakout", 1, life_loss=True, sticky=0.0, noop_max=0)
    moments = list(Rollout(env, make_screen(env), no_opinion, FireAlways(), seed=3))
    env.close()
    lives = [moment.lives for moment in moments]
    assert list(dict.fromkeys(lives)) == [5, 4, 3, 2, 1, 0]
    assert [moment.over for moment in moments].index(True) == len(moments) - 1
    assert moments[0].frames[0].shape == (210, 160, 3)
    assert {len(moment.frames) for moment in moments[1:-1]} == {4}
