"""Rule 8 of the design: every setting is read somewhere, by the part that takes it or by the front."""

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from rlvision.agents.dqn import DQNSettings
from rlvision.agents.qr_dqn import QRDQNSettings
from rlvision.config.fields import flatten, settings_of
from rlvision.config.schema import Config
from rlvision.learning.settings import AgentSettings, QLearningSettings

ROOT = Path(__file__).parents[2]
READERS = [
    path
    for folder in ("rlvision", "agents", "envs")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.parent.name != "config"  # which holds settings against each other, and uses none
]
GROUPS = {field.name for field in fields(Config) if is_dataclass(getattr(Config(), field.name))}
CONFIGS = ("config", "self.config", "self._config")
CLASSES = {
    **{type(getattr(Config(), group)).__name__: group for group in GROUPS},
    **{settings.__name__: "agent" for settings in (AgentSettings, QLearningSettings, DQNSettings, QRDQNSettings)},
    "Config": "",
    "Setup": "",
}
"""The groups whose settings an argument holds, by its annotation."""


def settings_read(tree: ast.AST) -> set[str]:
    """Dotted names of the settings that a module reads: ``config.env.game`` is ``env.game``.

    A group may be read through a name that was bound to it in the same function (``env = config.env; env.game``), and
    through an argument that is annotated by the class of the group, which its class may keep (``self._settings``).
    """
    found: set[str] = set()
    for owner in ast.walk(tree):
        if isinstance(owner, (ast.ClassDef, ast.Module)):
            functions = [node for node in owner.body if isinstance(node, ast.FunctionDef)]
            kept = {name: path for function in functions for name, path in _kept(function)}
            for function in functions:
                found |= _read_in(function, kept)
    return found


def _read_in(function: ast.FunctionDef, kept: dict[str, str]) -> set[str]:
    bound = {**kept, **_arguments(function), **dict(_bindings(function))}
    return {_resolved(ast.unparse(node), bound) for node in ast.walk(function) if isinstance(node, ast.Attribute)}


def _kept(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Attributes of an object that hold what a method was given: ``self._settings = settings``."""
    given = _arguments(function)
    for name, path in _bindings(function):
        if name.startswith("self.") and path in given:
            yield name, given[path]


def _arguments(function: ast.FunctionDef) -> dict[str, str]:
    """Annotated arguments as the paths that they stand for: ``replay: ReplaySettings`` is ``config.replay``."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    annotated = {arg.arg: ast.unparse(arg.annotation) for arg in arguments if arg.annotation is not None}
    return {
        name: f"config.{CLASSES[hint]}".rstrip(".")
        for name, hint in annotated.items()
        if hint in CLASSES and name not in CONFIGS
    }


def _bindings(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Names that stand for something else: ``env = config.env``, ``a, b = config.a, config.b``."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            targets, values = _elements(node.targets[0]), _elements(node.value)
            yield from zip(map(ast.unparse, targets), map(ast.unparse, values), strict=False)


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _resolved(path: str, bound: dict[str, str]) -> str:
    """``env.game`` for ``config.env.game`` and for the ``env.game`` of a bound ``env``."""
    for _ in range(3):  # a name bound to a group of an argument
        head = next((name for name in bound if path.startswith(f"{name}.") and bound[name] != name), None)
        if head is not None:
            path = bound[head] + path.removeprefix(head)
    root = next((config for config in CONFIGS if path.startswith(f"{config}.")), None)
    return path.removeprefix(f"{root}.") if root else ""


READ = set[str]().union(*(settings_read(ast.parse(path.read_text())) for path in READERS))
OF_OTHER_AGENTS = {f"agent.{name}" for name in flatten(QRDQNSettings())}


def test_reading_is_recognised():
    source = """
def f(config, other):
    env, replay = config.env, self._config.replay
    agent = config.agent
    use(env.game, replay.capacity, agent.gamma, config.seed, config.network.norm, other.alpha, self.config.out)
"""
    names = {"env.game", "replay.capacity", "agent.gamma", "seed", "network.norm", "out"}
    assert settings_read(ast.parse(source)) - {"", *GROUPS} == names


def test_reading_is_recognised_where_a_part_takes_its_settings_whole():
    source = """
def f(settings: ReplaySettings, setup: Setup, other: Fraction):
    optimiser = setup.optimiser
    use(settings.alpha, setup.network.norm, optimiser.name, other.real)

class Part:
    def __init__(self, settings: DQNSettings, bound):
        self._settings, self._bound = settings, bound

    def act(self):
        use(self._settings.loss, self._bound.left)
"""
    names = {"replay.alpha", "network.norm", "optimiser.name", "agent.loss"}
    assert settings_read(ast.parse(source)) - {"", *GROUPS} == names


@pytest.mark.parametrize("name", sorted({*settings_of(Config()), *OF_OTHER_AGENTS}))
def test_every_setting_is_read(name):
    assert name in READ
