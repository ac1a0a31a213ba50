"""Find the module of a user's world, so that a run can keep it: the one that makes it, or has registered its id.

::

    env.game               imported         made
    mine:World             mine             the class or function World of mine, Outer.Inner too
    mine:World-v0          mine             the id World-v0 that it registers (Gymnasium's own form)
    __main__:World         nothing          the class World of the program that runs; a run keeps program:World
    object:World           nothing          what this process keeps under that name (`rlvision.core.user_code`)
    World-v0               nothing          the id; a run keeps mine:World-v0, with the module that registered it
"""

from __future__ import annotations

import linecache
import sys
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

import gymnasium

from rlvision.core.user_code import MAIN, home_of
from rlvision.envs.user_world import PLUGINS

LARGEST = 2**20
"""Most characters of a module in which an id is looked for."""


def recorded_name(game: str) -> str:
    """Return the name under which another process finds a world: with the module that makes or registers it.

    Names that every process knows, those of Gymnasium and of installed plug-ins, are unchanged.
    """
    module, colon, rest = game.partition(":")
    if colon:
        return f"{home_of(module) or MAIN}:{rest}" if module == MAIN else game
    spec = gymnasium.registry.get(game)
    if spec is None or any(game.startswith(prefix) for prefix in PLUGINS):
        return game
    entry = spec.entry_point
    home = entry.partition(":")[0] if isinstance(entry, str) else str(getattr(entry, "__module__", MAIN))
    if home.partition(".")[0] in _self_registering():
        return game
    return f"{_registrar(game, home)}:{game}"


@cache
def _self_registering() -> frozenset[str]:
    """Return the packages whose ids are there in every process that imports Gymnasium or rlvision."""
    plugins = entry_points(group="gymnasium.envs")
    return frozenset({"gymnasium", "ale_py", *(plugin.value.partition(":")[0].partition(".")[0] for plugin in plugins)})


def _registrar(game: str, home: str) -> str:
    """Return the module whose text has the id: that of the class, a package around it, the program, or another."""
    parents = [home.rpartition(".")[0], home.partition(".")[0]]
    likely = [name for name in (home, *parents, MAIN) if name in sys.modules]
    others = [name for name in reversed(sys.modules) if _knows_gymnasium(sys.modules[name])]
    known = gymnasium.registry[game].id
    name = next((name for name in (*likely, *others) if _mentions(sys.modules[name], known)), home)
    return home_of(name) or MAIN


def _mentions(module: ModuleType, game: str) -> bool:
    path = getattr(module, "__file__", None)
    if path is None or not path.endswith(".py") or _is_library(module):
        return False
    text = "".join(linecache.getlines(path))
    return len(text) < LARGEST and (f'"{game}"' in text or f"'{game}'" in text)


def _knows_gymnasium(module: ModuleType) -> bool:
    """Return whether a name of a module leads to where ids are registered."""
    places = (gymnasium, gymnasium.envs, gymnasium.envs.registration, gymnasium.register)
    return any(value is place for value in list(getattr(module, "__dict__", {}).values()) for place in places)


def _is_library(module: ModuleType) -> bool:
    """Return whether a module is part of what rlvision itself imports."""
    return module.__name__.partition(".")[0] in ("rlvision", "gymnasium", "torch", "numpy", "ale_py", "wandb")
