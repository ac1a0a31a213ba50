"""Names of Python objects: import paths where another process can import them, a table of this process for others."""

import os
import re
import subprocess
import sys
import types
from functools import partial

import numpy as np
import pytest

from rlvision.core.errors import ConfigError
from rlvision.core.object_names import name_object, own_name
from rlvision.core.user_code import (
    import_object,
    import_user_module,
    is_here,
    keep_object,
    kept_object,
    refuse_while_imported,
)


def test_a_class_of_a_module_is_named_by_its_path_and_found_by_it():
    import open_worlds

    name = name_object(open_worlds.Striped)
    assert name == "open_worlds:Striped"
    assert import_object(name, "env.game") is open_worlds.Striped
    assert not is_here(name)


def test_a_class_inside_a_class_is_named_by_its_path():
    outer = types.ModuleType("nested_module")
    inner = type("Inner", (), {"__module__": "nested_module", "__qualname__": "Outer.Inner"})
    outer.Outer = type("Outer", (), {"Inner": inner, "__module__": "nested_module"})
    sys.modules["nested_module"] = outer
    try:
        assert name_object(outer.Outer.Inner) == "nested_module:Outer.Inner"
        assert import_object("nested_module:Outer.Inner", "env.game") is outer.Outer.Inner
    finally:
        del sys.modules["nested_module"]


def test_a_class_of_the_program_is_named_by_the_program(monkeypatch):
    class World: ...

    World.__module__, World.__qualname__ = "__main__", "World"
    program = types.ModuleType("__main__")
    program.World = World
    monkeypatch.setitem(sys.modules, "__main__", program)
    assert re.fullmatch(r"object:World-[0-9a-f]{6}", name_object(World))  # a notebook has no file
    program.__file__ = "/somewhere/catch.py"
    assert name_object(World) == "catch:World"
    assert import_object("catch:World", "env.game") is World  # the program does not run a second time


def test_objects_that_only_this_process_has_are_kept():
    class World: ...

    def make(): ...

    one = World()
    names = [name_object(each) for each in (World, make, one)]
    assert [name.rpartition("-")[0] for name in names] == ["object:World", "object:make", "object:World"]
    assert [import_object(name, "env.game") for name in names] == [World, make, one]
    assert name_object(one) == names[2]


def world(reward, size):
    """A class as a cell of a notebook defines it, with a reward and a size that the user edits."""
    cell = f"""
class World:
    cells = {size}

    def step(self):
        return {reward}

    @property
    def half(self):
        return self.cells // 2
"""
    names = {"__name__": "__main__"}
    exec(cell, names)  # noqa: S102 - a cell as a notebook runs it
    return names["World"]


def test_a_class_that_was_edited_is_another_one():
    assert own_name(world(1, 5)) == own_name(world(1, 5))
    assert len({own_name(world(1, 5)), own_name(world(2, 5)), own_name(world(1, 6))}) == 3


def test_objects_made_with_other_values_are_other_ones():
    kind = world(1, 5)
    one, other = kind(), kind()
    assert own_name(one) == own_name(other)
    other.speed = 3
    assert own_name(one) != own_name(other)
    assert own_name(partial(kind, 1)) == own_name(partial(kind, 1)) != own_name(partial(kind, 2))
    assert own_name(partial(kind, 1)) != own_name(partial(kind, size=1))


def test_a_lambda_has_one_name_whenever_the_same_program_runs():
    first, same, other = (lambda: 1), (lambda: 1), (lambda: 2)
    assert name_object(first) == name_object(same) != name_object(other)
    assert name_object(first).startswith("object:lambda-")


def test_functions_that_close_over_other_numbers_have_other_names():
    def maker(size):
        def make():
            return size

        return make

    assert name_object(maker(3)) == name_object(maker(3)) != name_object(maker(4))
    assert name_object(lambda size=3: size) != name_object(lambda size=4: size)


def test_an_object_of_another_process_is_asked_for():
    with pytest.raises(ConfigError, match=r"got a program without it: hand it over"):
        kept_object("object:Nothing", "env.game")


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="expected a class 'Nothing' in 'open_worlds', got none"):
        import_object("open_worlds:Nothing", "env.game")
    with pytest.raises(ConfigError, match=r"expected env.game 'no_such_module:X' to be importable"):
        import_object("no_such_module:X", "env.game")


def test_a_program_does_not_train_while_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "unguarded.py").write_text(
        "from rlvision.core.user_code import refuse_while_imported\nrefuse_while_imported('trains')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for bring in (import_user_module, lambda name: import_object(f"{name}:Network", "encoder")):
        with pytest.raises(ConfigError, match=r"^expected a module to import, got unguarded, which trains while"):
            bring("unguarded")
    refuse_while_imported("trains")  # nothing is being imported any more


def test_keep_object_returns_the_name():
    assert keep_object("object:kept", 3) == "object:kept"
    assert kept_object("object:kept", "env.game") == 3


@pytest.mark.parametrize(
    "others",
    [([1], [2]), ({"a": [1]}, {"a": [2]}), (np.zeros(3), np.ones(3)), (b"1", b"2"), (None, 0)],
)
def test_values_of_every_plain_kind_count(others):
    assert len({own_name(partial(print, value)) for value in others}) == 2


NAMED = """
import numpy
class World:
    objects = numpy.array([object()])
    names = ("left", "right")
    def step(self, action):
        return action in {"a", "b", "c", "d", "e"} and super().step(action)
import sys
from rlvision.core.object_names import name_object, own_name
print(own_name(World), own_name(lambda action, kinds=frozenset("abcdef"): action in kinds or object() in (object(),)))
"""


def test_names_are_the_same_in_every_process():
    def printed(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run([sys.executable, "-c", NAMED], env=environment, capture_output=True, check=True).stdout

    assert printed("1") == printed("2")
