"""The floors of the house: a room imports only from lower floors, or from itself."""

import ast

import pytest

from tests.packaging.conftest import MODULES

FLOORS = (
    ("1", {"core"}),
    ("2", {"nn", "replay", "envs", "tracking", "evaluation"}),
    ("3", {"learning", "features"}),
    ("4", {"agents", "config", "configs", "training", "watch"}),
    ("5", {"runs"}),
    ("6", {"distributed"}),
    ("7", {"analysis", "sweeps"}),
    ("8", {"cli"}),
    ("9", {"__main__"}),
)
PLANNED = {"distributed"}
"""Rooms that the table keeps a place for, and that are not built yet."""
FLOOR_OF = {unit: height for height, (_, units) in enumerate(FLOORS) for unit in units}
PUBLIC_FACE = "rlvision"  # re-exports from every floor, lazily
ONE_HOME = ("av", "cloudpickle", "lz4", "pydantic", "pygame", "safetensors", "tyro", "wandb", "websockets", "yaml")


def unit(module: str) -> str:
    """The room of a module: the folder directly below rlvision."""
    return module.split(".")[1]


def imports(tree: ast.Module) -> set[str]:
    """The modules that a module imports anywhere, type checking and function bodies included.

    Of ``from package import name`` both ``package`` and ``package.name``: the name may be a module.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def neighbours(module: str) -> set[str]:
    """The units of the project that a module imports, its own left out."""
    ours = {name for name in imports(MODULES[module]) if name.startswith("rlvision.")}
    return {unit(name) for name in ours if unit(name) in FLOOR_OF} - {unit(module)}


PARTS = sorted(set(MODULES) - {PUBLIC_FACE})


def test_every_module_stands_on_a_floor_and_every_floor_is_inhabited():
    assert {unit(module) for module in PARTS} == set(FLOOR_OF) - PLANNED


@pytest.mark.parametrize("module", PARTS)
def test_imports_go_downwards(module):
    too_high = {name for name in neighbours(module) if FLOOR_OF[name] >= FLOOR_OF[unit(module)]}
    assert not too_high, f"{module} ({FLOORS[FLOOR_OF[unit(module)]][0]}) imports {sorted(too_high)}"


def test_the_trainer_is_handed_its_agent_its_environment_and_its_trackers():
    assert not neighbours("rlvision.training.trainer") & {"agents", "envs", "tracking", "watch"}


def test_only_the_front_sees_the_configuration():
    schema = "rlvision.config.schema"
    seers = {unit(module) for module in PARTS if schema in imports(MODULES[module])}
    assert seers - {"config"} == {"runs", "sweeps", "cli"}


@pytest.mark.parametrize("dependency", ONE_HOME)
def test_a_dependency_of_one_purpose_lives_in_one_module(dependency):
    homes = [name for name, tree in MODULES.items() if dependency in {used.split(".")[0] for used in imports(tree)}]
    assert len(homes) == 1, homes
