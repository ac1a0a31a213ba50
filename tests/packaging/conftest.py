"""The project's modules, parsed."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {"rlvision": "rlvision", "agents": "rlvision.agents", "configs": "rlvision.configs", "envs": "rlvision.envs"}


def _paths() -> Iterator[tuple[str, Path]]:
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder)
            if (ROOT / folder / inside.parts[0]).is_symlink():
                continue
            parts = inside.with_suffix("").parts
            yield ".".join((package, *(part for part in parts if part != "__init__"))), path


MODULES = {name: ast.parse(path.read_text()) for name, path in _paths()}
"""Syntax trees by module name; the linked folders count once, under their installed names."""
