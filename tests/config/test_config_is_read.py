"""Rule 8 of the design: every setting is read somewhere, by the front or by the room that it stands with."""

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from rlvision.config.fields import settings_of
from rlvision.config.schema import Config

PACKAGE = Path(__file__).parents[2] / "rlvision"
READERS = (
    "runs/builders.py",
    "runs/eval_protocol.py",
    "runs/memory_estimate.py",
    "runs/run.py",
    "runs/session.py",
    "runs/run_folder.py",
    "runs/media.py",
    "cli/run_commands.py",
)
ROOMS = {"env": ("envs", ("settings", "protocol")), "evaluation": ("evaluation", ("settings",))}
"""The room that a group stands with, and the names by which the room reads its settings."""
GROUPS = {field.name for field in fields(Config) if is_dataclass(getattr(Config(), field.name))}
CONFIGS = ("config", "self.config", "self._config")


def settings_read(tree: ast.AST) -> set[str]:
    """Dotted names of the settings that a function or module reads: ``config.env.game`` is ``env.game``.

    A group may be read through a name that was bound to it in the same function: ``env = config.env; env.game``.
    """
    found: set[str] = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            bound = dict(_bindings(function))
            found |= {
                _resolved(ast.unparse(node), bound) for node in ast.walk(function) if isinstance(node, ast.Attribute)
            }
    return found


def _bindings(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Local names that stand for something else: ``env = config.env``, ``a, b = config.a, config.b``."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            targets, values = _elements(node.targets[0]), _elements(node.value)
            yield from zip(map(ast.unparse, targets), map(ast.unparse, values), strict=False)


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _resolved(path: str, bound: dict[str, str]) -> str:
    """``env.game`` for ``config.env.game`` and for the ``env.game`` of a bound ``env``."""
    head, _, rest = path.partition(".")
    whole = f"{bound[head]}.{rest}" if head in bound and bound[head] != head else path
    root = next((config for config in CONFIGS if whole.startswith(f"{config}.")), None)
    return whole.removeprefix(f"{root}.") if root else ""


def read_in_room(group: str) -> set[str]:
    """Dotted names of the settings of a group that its room reads: ``settings.game`` and ``self._settings.game``."""
    room, names = ROOMS[group]
    return {
        f"{group}.{node.attr}"
        for path in (PACKAGE / room).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1].lstrip("_") in names
    }


READ = set[str]().union(*(settings_read(ast.parse((PACKAGE / name).read_text())) for name in READERS))
READ |= set[str]().union(*map(read_in_room, ROOMS))


def test_reading_is_recognised():
    source = """
def f(config, other):
    env, replay = config.env, self._config.replay
    agent = config.agent
    use(env.game, replay.capacity, agent.gamma, config.seed, config.network.norm, other.alpha, self.config.out)
"""
    names = {"env.game", "replay.capacity", "agent.gamma", "seed", "network.norm", "out"}
    assert settings_read(ast.parse(source)) - {"", *GROUPS} == names


@pytest.mark.parametrize("name", settings_of(Config()))
def test_every_setting_is_read(name):
    assert name in READ
