import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlvision.envs.counting_env import CountingEnv, draw, ends_by_truncation, game_length, read, reward

NAME = "rlvision.envs.counting_env:CountingEnv"


def test_pictures_can_be_read_back():
    for game, step in [(0, 0), (3, 7), (2**31 - 1, 2**20), (255, 256)]:
        picture = draw(game, step, 32)
        assert read(picture[:, :, 0]) == read(picture.transpose(2, 0, 1)) == (game, step)


def test_the_blank_frame_before_a_game_reads_as_such():
    assert read(np.zeros((1, 32, 32), np.uint8)) == (0, -1)


def test_the_texture_tells_neighbours_apart():
    pictures = [draw(game, step, 32)[1:].tobytes() for game in range(10) for step in range(10)]
    assert len(set(pictures)) == 100


def test_games_last_and_end_by_rule():
    env = CountingEnv(lengths=(2, 3), ending="alternate")
    seen = []
    for game in range(4):
        env.reset(seed=game)
        over = False
        while not over:
            _, gain, terminated, truncated, _ = env.step(0)
            over = terminated or truncated
            seen.append((game, gain, terminated, truncated))
    expected = [(game, step) for game, steps in [(0, 2), (1, 3), (2, 2), (3, 3)] for step in range(1, steps + 1)]
    assert [(game, gain) for game, gain, *_ in seen] == [(game, reward(game, step)) for game, step in expected]
    assert [(t, u) for *_, t, u in seen if t or u] == [(True, False), (False, True), (True, False), (False, True)]


@pytest.mark.parametrize(("ending", "truncated"), [("terminate", [False, False]), ("truncate", [True, True])])
def test_all_games_may_end_alike(ending, truncated):
    assert [ends_by_truncation(game, ending) for game in (0, 1)] == truncated


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_is_a_proper_gymnasium_environment():
    check_env(gymnasium.make(gymnasium.envs.registration.EnvSpec("Counting-v0", entry_point=CountingEnv)).unwrapped)


def test_the_vector_shows_every_step_of_every_game_in_order(rendered):
    """The whole pipeline read off the pixels: order, resets by the promised seeds, stacks, rewards, endings."""
    lengths = (3, 1, 4)
    env = rendered(NAME, 3, height=32, width=32, stack=3, kwargs={"lengths": lengths})
    env.reset(11)
    games, steps = list(env.seeds()), [0] * 3
    for _ in range(40):
        row = env.step(np.zeros(3, dtype=np.int64))
        for index in range(3):
            game, step = games[index], steps[index]
            frames = [read(row.observation[index, frame : frame + 1]) for frame in range(3)]
            assert frames == [(game, step - back) if step >= back else (0, -1) for back in (2, 1, 0)]
            assert row.first[index] == (step == 0)
            if step == game_length(game, lengths):  # the row whose action is ignored
                assert (row.reward[index], row.terminated[index], row.truncated[index]) == (0, False, False)
                games[index], steps[index] = env.seeds()[index], 0
                assert games[index] != game
            else:
                steps[index] += 1
                over = steps[index] == game_length(game, lengths)
                assert row.reward[index] == reward(game, steps[index])
                assert row.truncated[index] == (over and game % 2 == 1)
                assert row.terminated[index] == (over and game % 2 == 0)
    env.close()
