"""The project's modules, parsed."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {"rlvision": "rlvision", "agents": "rlvision.agents", "configs": "rlvision.configs", "envs": "rlvision.envs"}


@cache
def modules() -> dict[str, ast.Module]:
    """Syntax trees by module name; the linked folders count once, under their installed names."""
    return {name: ast.parse(path.read_text()) for name, path in _paths()}


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


def _paths() -> Iterator[tuple[str, Path]]:
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder)
            if (ROOT / folder / inside.parts[0]).is_symlink():
                continue
            parts = inside.with_suffix("").parts
            yield ".".join((package, *(part for part in parts if part != "__init__"))), path
