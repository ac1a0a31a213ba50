"""The floors of the design: a module imports only from lower floors, or from its own package.

A floor of the design may have steps: protocols stand on the records, recipes on the agent they compose.
"""

import pytest
from project_modules import imports, modules

FLOORS = (
    ("F0 words", {"types", "errors"}),
    ("F0 contracts", {"protocols"}),
    (
        "F1 leaves",
        {
            "schedules",
            "seeding",
            "precision",
            "optimisers",
            "interruption",
            "allocator",
            "durable",
            "lock",
            "divergence",
            "out_of_memory",
            "journal",
            "watchdog",
            "machine",
            "meters",
            "progress",
            "nn",
            "losses",
            "envs",
            "facts",
        },
    ),
    ("F2 tools", {"bootstrap", "history"}),
    ("F2 doers", {"replay", "acting", "learner", "collector", "checkpoint", "tapes", "tracking"}),
    ("F3 insight", {"features", "needs"}),
    ("F3 wholes", {"agent", "evaluation", "watch"}),
    ("F3 composition", {"composition"}),
    ("F3 recipes", {"agents"}),
    ("F3 reports", {"report"}),
    ("F4 trainer", {"trainer"}),
    ("F5 settings", {"config", "configs"}),
    ("F5 store", {"settings"}),
    ("F6 wiring", {"build", "run_folder", "trackers", "playing"}),
    ("F6 preflight", {"preflight"}),
    ("F6 exports", {"exports", "trained"}),
    ("F6 showcase", {"showcase", "next_commands"}),
    ("F6 sessions", {"session"}),
    ("F6 runs", {"run"}),
    ("F6 pages", {"live"}),
    ("F7 sweeps", {"sweeps"}),
    ("F7 analysis", {"analysis"}),
    ("F7 commands", {"commands"}),
    ("F7 subcommands", {"subcommands"}),
    ("F7 front", {"cli"}),
    ("F7 doors", {"__main__", "leash"}),
)
FLOOR_OF = {unit: height for height, (_, units) in enumerate(FLOORS) for unit in units}
PUBLIC_FACE = "rlvision"  # re-exports from every floor, lazily
ONE_HOME = ("av", "lz4", "pydantic", "pygame", "safetensors", "tyro", "wandb", "websockets", "yaml")


def unit(module: str) -> str:
    """What stands on a floor: a module directly below rlvision, or a package as a whole."""
    return module.split(".")[1]


def neighbours(module: str) -> set[str]:
    """The units of the project that a module imports, its own left out."""
    ours = {name for name in imports(modules()[module]) if name.startswith("rlvision.")}
    return {unit(name) for name in ours if unit(name) in FLOOR_OF} - {unit(module)}


PARTS = sorted(set(modules()) - {PUBLIC_FACE})


def test_every_module_stands_on_a_floor_and_every_floor_is_inhabited():
    assert {unit(module) for module in PARTS} == set(FLOOR_OF)


@pytest.mark.parametrize("module", PARTS)
def test_imports_go_downwards(module):
    too_high = {name for name in neighbours(module) if FLOOR_OF[name] >= FLOOR_OF[unit(module)]}
    assert not too_high, f"{module} ({FLOORS[FLOOR_OF[unit(module)]][0]}) imports {sorted(too_high)}"


def test_the_trainer_is_handed_its_agent_its_environment_and_its_trackers():
    assert not neighbours("rlvision.trainer") & {"agents", "envs", "tracking", "watch"}


def test_only_the_front_sees_the_configuration():
    seers = {unit(module) for module in PARTS if "config" in neighbours(module)}
    assert seers == {
        "settings",
        "build",
        "run_folder",
        "trackers",
        "playing",
        "preflight",
        "exports",
        "showcase",
        "session",
        "run",
        "sweeps",
        "commands",
        "cli",
        "subcommands",
    }


@pytest.mark.parametrize("dependency", ONE_HOME)
def test_a_dependency_of_one_purpose_lives_in_one_module(dependency):
    homes = [name for name, tree in modules().items() if dependency in {used.split(".")[0] for used in imports(tree)}]
    assert len(homes) == 1, homes
