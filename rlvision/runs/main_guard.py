"""Whether the program that runs has ``if __name__ == "__main__":``, without which nothing else can import it."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rlvision.config.schema import Config
from rlvision.core.user_code import MAIN, home_of
from rlvision.envs.settings import EnvSettings
from rlvision.runs.code_files import parsed


def program_without_guard() -> Path | None:
    """Return the file of the program that runs if a process that imports it would run all of it; else None."""
    name = getattr(sys.modules[MAIN], "__file__", None)
    if home_of(MAIN) is None or name is None or not Path(name).is_file():
        return None
    file = Path(name).resolve()
    tree = parsed(file)
    return None if tree is None or any(map(_is_guard, ast.walk(tree))) else file


def lines_of_unguarded(imports: Iterable[str]) -> Iterator[str]:
    """Yield a line if one of the import paths of a run leads to a program that cannot be imported."""
    if any(path.startswith(f"{home_of(MAIN)}:") for path in imports) and (file := program_without_guard()):
        yield (
            f"{file.name} has no if __name__ == '__main__': so commands such as evaluate, which import it for its "
            "classes, would train again, and refuse to: put what it runs under that line"
        )


def without_workers_if_unguarded(config: Config) -> Config:
    """Return settings without worker processes, which could not import the program that runs, if it has no guard."""
    if not config.env.num_workers or program_without_guard() is None:
        return config
    return replace(config, env=replace(config.env, num_workers=0, step_timeout=EnvSettings().step_timeout))


def _is_guard(node: ast.AST) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
