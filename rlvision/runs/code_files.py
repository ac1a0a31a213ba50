"""The files of a user's code: those of a module, and of the modules of hers that it imports, however far.

They are found by reading, and nothing is imported: workers may be the only processes that import a world.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rlvision.core.files import open_to_read
from rlvision.core.paths import is_installed

MOST_FILES = 200
LARGEST = 2**20
"""Most bytes of a program that is read."""
ENTRY_POINT = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_]\w*")
"""A text that names code, such as the entry point of a registered environment."""


def files_of(modules: Iterable[str]) -> dict[str, Path]:
    """Return the files of the user's code by module: of these modules, and of those that they import.

    Args:
        modules: dotted names; of a module that is not found or is installed, there is no file.
    """
    found: dict[str, Path] = {}
    waiting = [name for module in modules for name in _with_parents(module)]
    while waiting and len(found) < MOST_FILES:
        name = waiting.pop(0)
        file = None if name in found else _file_of(name)
        if file is not None:
            found[name] = file
            named = _named_in(name, file, file.stat().st_mtime_ns)
            waiting += [each for module in named for each in _with_parents(module)]
    return dict(sorted(found.items()))


def _with_parents(module: str) -> list[str]:
    """Return a module and the packages around it, which are imported before it: ``a``, ``a.b``, ``a.b.c``."""
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _file_of(module: str) -> Path | None:
    """Return the file of a module of the user's; None for others, and for what is no module."""
    top, *inner = module.split(".")
    try:
        spec = find_spec(top) if top else None
    except Exception:  # of a module that was run as a script, or that has put itself into sys.modules
        return None
    if spec is None or top == __name__.partition(".")[0]:
        return None
    folders = list(spec.submodule_search_locations or ())
    if folders:
        place = Path(folders[0], *inner)
        files = [place / "__init__.py", place.with_name(f"{place.name}.py")]
    else:
        files = [] if inner else [Path(spec.origin or "")]
    return next((file.resolve() for file in files if file.is_file() and not is_installed(file)), None)


def parsed(file: Path) -> ast.Module | None:
    """Return the syntax tree of a program; None if it is no Python, such as a compiled one, or is very large."""
    with open_to_read(file) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old ways to write something, which are Python's to report
        try:
            return ast.parse(opened.read(LARGEST))
        except (SyntaxError, ValueError):
            return None


@cache
def _named_in(module: str, file: Path, changed: int) -> tuple[str, ...]:
    """Return the modules that a file names, which was changed last at a time; some are no code."""
    tree = parsed(file)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    nodes = () if tree is None else ast.walk(tree)
    return tuple(dict.fromkeys(name for node in nodes for name in _named_by(node, package)))


def _named_by(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules that an import or the text of an entry point names; some are attributes of modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        home = ".".join([*parents, *filter(None, [node.module])])
        yield from (home, *(f"{home}.{alias.name}" for alias in node.names))
    elif isinstance(node, ast.Constant) and (entry := ENTRY_POINT.fullmatch(str(node.value))):
        yield entry[1]
