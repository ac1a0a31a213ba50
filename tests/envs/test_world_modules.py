"""The module that registers a world is found, so that another process finds the world."""

import importlib
import sys

import gymnasium
import pytest

from rlvision.core.errors import ConfigError, EnvError, MissingExtraError
from rlvision.core.user_code import import_user_module
from rlvision.envs.factory import make
from rlvision.envs.settings import EnvSettings
from rlvision.envs.user_world import make_user_world
from rlvision.envs.world_modules import recorded_name

WORLD = """
import gymnasium
class World(gymnasium.Env):
    pass
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write modules, import one of them, and forget all of them and their ids afterwards."""

    def _written(imported, **modules):
        for name, text in modules.items():
            path = tmp_path / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        before, registered = set(sys.modules), set(gymnasium.registry)
        found = importlib.import_module(imported)
        for name in set(sys.modules) - before:
            monkeypatch.setitem(sys.modules, name, sys.modules.pop(name))
        for name in set(gymnasium.registry) - registered:
            monkeypatch.setitem(gymnasium.registry, name, gymnasium.registry.pop(name))
        return found

    return _written


def register(name, entry):
    return f'{WORLD}\ngymnasium.register(\n    id="{name}", entry_point={entry})\n'


@pytest.mark.parametrize("entry", ["'wm_alone:World'", "World", "lambda: World()"])
def test_the_module_of_the_class_registers_it(entry, written):
    written("wm_alone", wm_alone=register("Alone-v0", entry))
    assert recorded_name("Alone-v0") == "wm_alone:Alone-v0"


def test_the_package_registers_it(written):
    setup = 'import gymnasium\ngymnasium.register("Packed-v0", "wm_pack.worlds:World")\n'
    written("wm_pack", wm_pack__in____init__=setup, wm_pack__in__worlds=WORLD)
    assert recorded_name("Packed-v0") == "wm_pack:Packed-v0"


def test_another_module_registers_it(written):
    name = "-".join(["Other", "v0"])  # this file does not register it, and has not its text
    other = f'import gymnasium, wm_worlds\ngymnasium.register("{name}", "wm_worlds:World")\n'
    written("wm_setup", wm_worlds=WORLD, wm_setup=other)
    assert recorded_name(name) == f"wm_setup:{name}"


@pytest.mark.parametrize(
    "name",
    ["CartPole-v1", "ALE/Pong-v5", "Breakout-v0", "pong", "MiniGrid-Empty-5x5-v0", "No-v0", "open_worlds:Open-v0"],
)
def test_what_every_process_knows_keeps_its_name(name):
    assert recorded_name(name) == name


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The program that runs, as a file of its own."""
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", str(tmp_path / "wm_game.py"), raising=False)
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.setattr(main, "World", object, raising=False)
    return main


def test_a_world_of_the_program_that_runs_is_found_by_the_programs_name(program):
    assert recorded_name("__main__:World") == "wm_game:World"
    assert import_user_module("wm_game") is program  # it is not run again


def test_a_notebook_has_no_name(monkeypatch):
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert recorded_name("__main__:World") == "__main__:World"


def test_a_module_that_raises_is_one_line(written, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "wm_broken.py").write_text("1 / 0")
    with pytest.raises(ConfigError, match=r"expected 'wm_broken:World' to be importable.* ZeroDivisionError"):
        make_user_world(EnvSettings(game="wm_broken:World"))


LATE = """
from rlvision.envs.counting_env import CountingEnv
class WhenMade(CountingEnv):
    def __init__(self):
        import not_there
class InWords(CountingEnv):
    def __init__(self):
        raise ImportError("run `pip install old[worlds]`")
class InAGame(CountingEnv):
    def reset(self, **given):
        import not_there
"""
NEEDED = "needs to be installed, got: "


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        (
            "wm_lacks:World",
            ConfigError,
            r"not_there.\): pip install not_there, which wm_lacks imports",
        ),
        (
            "wm_late:WhenMade",
            MissingExtraError,
            rf"{NEEDED}.*: pip install not_there, which wm_late",
        ),
        ("wm_late:InWords", MissingExtraError, rf"{NEEDED}run `pip install old\[worlds\]`: install it$"),
        ("wm_late:InAGame", EnvError, "ModuleNotFoundError: No module named 'not_there' .*: fix the environment"),
    ],
)
def test_a_package_that_a_world_lacks_is_named(tmp_path, monkeypatch, name, kind, words):
    """In a game the error is the world's, as any other: a run saves its work before it ends."""
    (tmp_path / "wm_lacks.py").write_text("import not_there.inside")
    (tmp_path / "wm_late.py").write_text(LATE)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(kind, match=words):
        make(EnvSettings(game=name), 1)
