"""The action space says how many actions there are; names are completed or ignored."""

import enum
import re

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from rlvision.envs.action_names import name_actions

Steering = enum.IntEnum("Steering", {"LEFT": 0, "STAY": 1, "BRAKE": 1, "RIGHT": 2})  # BRAKE is an alias
Order = enum.Enum("Order", ["SLOW", "FAST", "STOP"])
Many = enum.IntEnum("Many", [f"A{number}" for number in range(7)], start=0)


def names_of(names, actions=3, start=0):
    from open_worlds import Told

    return name_actions(Told(names=names), Discrete(actions, start=start))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["left", "stay", "right"], "left stay right"),
        (lambda: ("left", "stay", "right"), "left stay right"),
        (np.array(["left", "stay", "right"]), "left stay right"),
        ({0: "left", 1: "stay", 2: "right"}, "left stay right"),
        ({"left": 0, "stay": 1, "right": 2}, "left stay right"),
        ({np.int64(2): "right", Steering.LEFT: "left", 1: "stay"}, "left stay right"),
        (Steering, "LEFT STAY RIGHT"),
        (Order, "SLOW FAST STOP"),
        ([Steering.LEFT, Steering.STAY, Steering.RIGHT], "LEFT STAY RIGHT"),
        ([10, 20, 30], "10 20 30"),
        ((word for word in ("left", "stay", "right")), "left stay right"),
    ],
)
def test_names_of_any_kind_are_text(names, expected):
    assert names_of(names) == (tuple(expected.split()), None)


@pytest.mark.parametrize(
    ("names", "expected", "line"),
    [
        (
            ["left", "right"],
            "left right 2",
            "usable names for 2 of 3 actions: the others (2, counted from 0) are shown",
        ),
        ([], "0 1 2", "0 of 3 actions: the others (0, 1, 2, counted"),
        (["a", "b", "c", "d"], "a b c", "3 of 3 actions: the rest is ignored"),
        (Many, "A0 A1 A2", "3 of 3 actions: the rest is ignored"),
        (["a", "", None], "a 1 2", "1 of 3 actions"),
        ([object(), "b", "c"], "0 b c", "2 of 3 actions"),
        ({0: "a", 2: "c", 9: "z"}, "a 1 c", "2 of 3 actions"),
        ("left,stay,right", "0 1 2", "0 of 3 actions"),
        (7, "0 1 2", "0 of 3 actions"),
        (lambda: 1 / 0, "0 1 2", "its action names raise ZeroDivisionError (division by zero): actions are shown as"),
        (lambda number: "a", "0 1 2", "its action names raise TypeError"),
    ],
)
def test_names_that_are_missing_are_numbers_and_one_line_says_so(names, expected, line):
    got, note = names_of(names)
    assert " ".join(got) == expected
    assert re.search(re.escape(line), note)


def test_names_by_number_follow_a_space_that_begins_elsewhere():
    assert names_of({1: "a", 2: "b", 3: "c"}, start=1)[0] == ("a", "b", "c")
    assert names_of({0: "a", 1: "b", 2: "c"}, start=1)[0] == ("a", "b", "c")
    assert names_of(None, start=-1) == (("-1", "0", "1"), None)


def test_an_attribute_that_raises_is_no_name():
    from open_worlds import Unnamed

    names, note = name_actions(Unnamed(), Discrete(3))
    assert names == ("0", "1", "2")
    assert "RuntimeError (ask me later)" in note


def test_thousands_of_actions_have_numbers_and_a_short_line():
    names, note = names_of(["first"], actions=5000)
    assert (len(names), names[0], names[-1]) == (5000, "first", "4999")
    assert len(note) < 160


def test_a_world_with_too_few_names_keeps_its_actions(rendered):
    env = rendered("open_worlds:Told", 1, kwargs={"names": ["left"], "actions": 4})
    assert env.spec.action_meanings == ("left", "1", "2", "3")
    assert "usable names for 1 of 4 actions" in "; ".join(env.view.lines)
    env.close()
