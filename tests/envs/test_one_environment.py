"""One environment of the user's own, which is lent, copied where two are needed, and never closed."""

import threading

import gymnasium
import pytest

from rlvision.core.errors import EnvError
from rlvision.envs.one_environment import OneEnvironment


@pytest.fixture
def striped():
    from open_worlds import Striped

    class Closing(Striped):
        closed = 0

        def close(self):
            self.closed += 1

    return Closing()


def test_it_is_lent_until_it_is_given_back(striped):
    make = OneEnvironment(striped)
    mine = make()
    assert mine.unwrapped is striped
    assert make().unwrapped is not striped
    mine.close()
    assert make().unwrapped is striped
    assert striped.closed == 0


def test_a_second_one_is_as_it_was_at_first(striped):
    striped.speed = 3
    make = OneEnvironment(striped)
    striped.speed = 4
    make()
    one, other = make(), make()
    assert (one.unwrapped.speed, other.unwrapped.speed) == (3, 3)
    one.reset(seed=0)
    other.reset(seed=0)
    one.step(0)
    assert (one.unwrapped.count, other.unwrapped.count) == (1, 0)


def test_a_registered_one_is_made_again_with_its_wrappers_and_arguments():
    env = gymnasium.wrappers.TimeLimit(gymnasium.make("CartPole-v1", render_mode="rgb_array"), 7)
    make = OneEnvironment(env)
    make()
    second = make()
    assert second.render_mode == "rgb_array"
    second.reset(seed=0)
    assert sum(not second.step(step % 2)[3] for step in range(7)) == 6
    second.close()


def test_one_that_cannot_be_copied_is_refused_at_once(striped):
    striped.lock = threading.Lock()
    with pytest.raises(EnvError, match=r"got Closing .*pickle.*: hand over its class"):
        OneEnvironment(striped)


def test_a_wrapper_that_does_not_say_how_it_was_made_is_copied():
    class Silent(gymnasium.Wrapper):
        pass

    env = Silent(gymnasium.make("CartPole-v1", render_mode="rgb_array"))
    make = OneEnvironment(env)
    make()
    assert type(make()) is Silent
