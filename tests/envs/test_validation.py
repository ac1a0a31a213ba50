"""What an environment must return; what returns something else is refused at once."""

import re

import numpy as np
import pytest
import torch

from rlvision.core.errors import EnvError
from rlvision.envs.validation import MAX_REWARD, check_flag, check_reward, check_screen

STEP = r"step\(action\) to return \(observation, reward, terminated, truncated, info\), got "
RETURNING = [
    ({"result": (0, 0.0, False, {})}, STEP + "4 values: fix the environment"),
    ({"result": [0, 0.0, False, False, {}]}, STEP + r"\[0, 0.0, False, False, {}\] of type list"),
    ({"reward": float("nan")}, "a finite reward, got nan: fix"),
    ({"reward": float("-inf")}, "a finite reward, got -inf: fix"),
    ({"reward": 1e39}, r"a finite reward, got 1e\+39: fix"),
    ({"reward": None}, "a number as reward, got None of type NoneType: return a float"),
    ({"reward": "1.0"}, "a number as reward, got '1.0' of type str"),
    ({"reward": np.zeros(1)}, r"a number as reward, got float64 \[1\]"),
    ({"reward": 1j}, "a number as reward, got 1j of type complex"),
    ({"terminated": None}, "terminated to be True or False, got None of type NoneType"),
    ({"truncated": 0.5}, "truncated to be True or False, got 0.5 of type float"),
    ({"truncated": np.zeros(2, np.bool_)}, r"truncated to be True or False, got bool \[2\]"),
]
IMAGES = [
    (
        {"shape": (5, 6)},
        r"an observation uint8 \[4, 6\], .* observation_space says, got uint8 \[5, 6\]: fix one",
    ),
    ({"dtype": "int64"}, r"an observation uint8 \[4, 6\], .* got int64 \[4, 6\]: fix"),
]
PICTURES = [
    ({"shape": (8, 12, 3)}, r"a picture \[4, 6, 3\], as the first was, got \[8, 12, 3\]: let"),
    ({"shape": (4, 6, 1)}, r"a picture \[4, 6, 3\], as the first was, got \[4, 6, 1\]"),
    ({"shape": (4, 6, 3), "dtype": "float32"}, r"a uint8 picture \[H, W, 3\].*, got float32 \[4, 6, 3\]: let"),
    ({"shape": ()}, r"a uint8 picture \[H, W, 3\].*, got uint8 \[\]: let"),
]
ALL = [
    *(("Returning", *case) for case in RETURNING),
    *(("ReturningImage", *case) for case in IMAGES),
    *(("Growing", *case) for case in PICTURES),
]


@pytest.fixture
def refusal(play, rendered):
    """What is said of the third step."""

    def _refusal(name, kwargs, num_workers=0):
        env = rendered(f"faulty_worlds:{name}", 2, kwargs=kwargs, num_workers=num_workers)
        env.reset(0)
        rows = play(env, 2)
        assert np.isfinite([row.reward for row in rows]).all()
        with pytest.raises(EnvError) as refused:
            play(env, 1)
        env.close()
        return str(refused.value)

    return _refusal


@pytest.mark.parametrize(("name", "kwargs", "words"), ALL)
def test_a_step_that_returns_something_else_is_refused(caplog, name, kwargs, words, refusal):
    where = rf" \(environment 0 of faulty_worlds:{name}; step 3 of the game with seed \d+\)"
    assert re.fullmatch(f"expected {words}.*{where}", refusal(name, kwargs))
    assert not caplog.records  # it is not replaced even once


def test_a_worker_refuses_in_the_same_words(refusal):
    case = "Returning", {"reward": float("nan")}
    assert refusal(*case, num_workers=2) == refusal(*case)


def test_what_float_and_bool_can_read_is_accepted():
    rewards = [1, True, 0.5, np.float32(0.5), np.array(2.0), torch.tensor(3.0), -MAX_REWARD]
    assert [check_reward(value) for value in rewards] == [1, 1, 0.5, 0.5, 2, 3, -MAX_REWARD]
    flags = [True, False, np.bool_(1), 0, np.int64(1), np.array(True)]
    assert [check_flag("terminated", value) for value in flags] == [True, False, True, False, True, True]


def test_a_screen_that_is_no_array_is_named_by_its_type():
    with pytest.raises(EnvError, match=r"a uint8 picture \[H, W, 3\].*, got a dict from render\(\): let"):
        check_screen({"left": np.zeros((4, 6, 3), np.uint8)})
