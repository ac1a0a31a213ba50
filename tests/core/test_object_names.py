"""The digest in the name of an object that one program alone has: what changes it, and what does not."""

import os
import subprocess
import sys
from functools import partial
from types import ModuleType
from unittest.mock import MagicMock

import pytest

from rlvision.core.object_names import name_object, own_name

CELLS = """
import dataclasses, enum, functools, math, types
import gymnasium
import numpy as np

SIZE = 5
LEVELS = {"easy": [1, 2], "hard": (3, [4])}
WALLS = np.zeros((2, 2))
GAIN = np.float32(1)
STEPS = range(3)
TREE = [1]
TREE.append(TREE)

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

PAINT = Colour.RED

@dataclasses.dataclass
class Rules:
    lives: int = 3

RULES = Rules(lives=3)
OPTIONS = types.SimpleNamespace(speed=1)

def reward():
    return bonus(1)

def bonus(value):
    return value + 1

@functools.lru_cache
def table():
    return 7

class Catch(gymnasium.Env):
    size = SIZE
    ending = 10

    def step(self, action):
        return [reward() for _ in STEPS], LEVELS, WALLS, GAIN, PAINT, TREE, RULES, OPTIONS

    half = property(lambda self: 1, lambda self, value: setattr(self, "written", "a"))

    @functools.cached_property
    def third(self):
        return 3

    @staticmethod
    def fourth():
        return 4

class Wrapped(gymnasium.Wrapper):
    def reset(self, *, seed=None, options=None):
        count_game()
        return self.env.reset(seed=seed)

games = 0
score = 0

def count_game():
    global games
    games += 1

def made_with(value):
    def make(*, hidden="no"):
        return Wrapped(Catch()), value, hidden, table(), math.pi
    return make

make = made_with(2)
"""


def cells(edit="", instead="", module="cells_of_a_test"):
    """Run the cells of a notebook in a module of their own, one piece of text in the place of another."""
    assert edit in CELLS
    found = ModuleType(module)
    sys.modules[module] = found
    exec(CELLS.replace(edit, instead) if edit else CELLS, found.__dict__)  # noqa: S102 - a cell as a notebook runs it
    return found


def test_the_same_code_has_the_same_name():
    assert own_name(cells().make) == own_name(cells().make)
    assert own_name(cells().Wrapped) == own_name(cells().Wrapped)


@pytest.mark.parametrize(
    ("edit", "instead"),
    [
        ("SIZE = 5", "SIZE = 6"),
        ('"hard": (3, [4])', '"hard": (3, [5])'),
        ('"easy": [1, 2]', '"easy": [1, 3]'),
        ("np.zeros((2, 2))", "np.ones((2, 2))"),
        ("np.float32(1)", "np.float32(2)"),
        ("range(3)", "range(4)"),
        ("TREE = [1]", "TREE = [2]"),
        ("PAINT = Colour.RED", "PAINT = Colour.BLUE"),
        ("Rules(lives=3)", "Rules(lives=4)"),
        ("speed=1", "speed=2"),
        ("value + 1", "value + 2"),
        ("return 7", "return 8"),
        ("ending = 10", "ending = 11"),
        ("_ in STEPS", "_ in STEPS if reward"),
        ("lambda self: 1", "lambda self: 2"),
        ('"a"', '"b"'),
        ("return 3", "return 4"),
        ("return 4", "return 5"),
        ("games += 1", "games += 2"),
        ('hidden="no"', 'hidden="yes"'),
        ("made_with(2)", "made_with(3)"),
        ("math.pi", "math.e"),
        ("class Catch(gymnasium.Env)", "class Catch(gymnasium.Wrapper)"),
        ("Wrapped(Catch())", "Catch()"),
    ],
)
def test_an_edit_of_anything_that_a_function_refers_to_changes_its_name(edit, instead):
    assert own_name(cells().make) != own_name(cells(edit, instead).make)


@pytest.mark.parametrize(
    ("edit", "instead"),
    [
        ("games = 0", "games = 3"),  # the code assigns it, so that it has another value in each session
        ("score = 0", "score = 3"),  # nothing refers to it
        ("made_with(2)", "made_with(2)  # a comment"),
        ("import dataclasses", "\n\nimport dataclasses"),
    ],
)
def test_what_does_not_change_the_world_does_not_change_its_name(edit, instead):
    assert own_name(cells().make) == own_name(cells(edit, instead).make)


def test_a_function_is_named_again_after_an_edit_of_what_it_refers_to():
    notebook = cells()
    before = name_object(notebook.make)
    notebook.bonus = lambda value: value * 100
    assert name_object(notebook.make) != before


def test_an_attribute_is_no_global_of_the_same_name():
    def world(number):
        module = cells("ending = 10", "score = 10\n    def total(self): return self.score")
        module.score = number
        return module.make

    assert own_name(world(1)) == own_name(world(2))


def test_a_module_of_the_users_counts_by_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helper_of_a_test.py").write_text("SIZE = 5\n")
    code = ("math, types", "helper_of_a_test as math, types")
    before = own_name(cells(*code).make)
    (tmp_path / "helper_of_a_test.py").write_text("SIZE = 6\n")
    assert own_name(cells(*code).make) != before


def test_the_values_of_an_object_count_once_it_is_handed_over():
    notebook = cells()
    world, other = notebook.Catch(), notebook.Catch()
    other.speed = 2
    assert own_name(world) != own_name(other)
    assert own_name(world.step) != own_name(other.step)
    assert own_name(partial(notebook.make, world)) == own_name(partial(notebook.make, other))


def test_the_code_of_libraries_and_objects_of_any_kind_are_not_read():
    module = cells("math.pi", "math.pi + mock.func, unset")
    module.mock = MagicMock()
    assert own_name(module.make) == own_name(module.make)
    assert own_name(partial(print, 1)) == own_name(partial(print, 1))
    assert own_name(MagicMock).startswith("MagicMock-")


def test_the_environment_of_the_shell_does_not_count(monkeypatch):
    module = cells("math.pi", "math.pi, environ")
    module.environ = os.environ
    before = own_name(module.make)
    monkeypatch.setenv("SOMETHING_NEW", "1")
    assert own_name(module.make) == before


def test_libraries_do_not_count(tmp_path, monkeypatch):
    place = tmp_path / "site-packages"
    place.mkdir()
    (place / "library_of_a_test.py").write_text("def rule(): return 5\n")
    monkeypatch.syspath_prepend(place)
    import library_of_a_test

    before = own_name(library_of_a_test.rule)
    library_of_a_test.rule.__code__ = (lambda: 6).__code__
    assert own_name(library_of_a_test.rule) == before


def test_a_variable_around_a_function_that_has_no_value_yet_is_none():
    def early():
        def make():
            return later

        name = own_name(make)
        later = 1
        return name, own_name(make), later

    assert early()[0] != early()[1]


PRINTED = CELLS + "\nfrom rlvision.core.object_names import own_name\nprint(own_name(make), own_name(Wrapped))"


def test_names_are_those_of_another_process():
    def printed():
        return subprocess.run([sys.executable, "-c", PRINTED], capture_output=True, check=True, text=True).stdout

    assert printed() == printed()
