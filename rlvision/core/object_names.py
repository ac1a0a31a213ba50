"""Names of Python objects: an import path, or that of the class or function and a digest.

The digest is of what the object does: its code and plain values, and those of the functions, classes and variables of
the user's that this code names, and so on. Two things are left out: what comes from a library, and variables that the
code assigns itself, such as a count of games, since they have another value in each session.
"""

from __future__ import annotations

import dataclasses
import dis
import hashlib
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import cached_property, lru_cache, partial
from pathlib import Path, PurePath
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from rlvision.core.paths import is_installed
from rlvision.core.user_code import HERE, PROGRAM, find_attribute, home_of, keep_object, kept_name

PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), range, slice, PurePath)
LRU_CACHED = type(lru_cache(repr))


def name_object(found: object) -> str:
    """Return the name of a class or a function that another process can import; keep any other object, and name it."""
    path = _import_path(found)
    if path is not None:
        return path
    # an object keeps its name, since its values change; a function has another one after an edit of what it refers to
    known = None if isinstance(found, (type, partial, FunctionType)) else kept_name(found)
    return known or keep_object(f"{HERE}:{own_name(found)}", found)


def own_name(found: object, *, wrapped_in: Sequence[object] = ()) -> str:
    """Return the name of a class, a function or an object, with a digest of what it does.

    Args:
        found: the object.
        wrapped_in: others that count, too, but are not what it is called.
    """
    text = "\n".join(_Reader().read(each) for each in (found, *wrapped_in))
    named = found.func if isinstance(found, partial) else found
    name = getattr(named, "__name__", type(named).__name__)
    return f"{str(name).strip('<>')}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


class _Reader:
    """Reads what one object does, as text that is the same in every process."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[int, object]] = {}  # functions and classes, in order; kept, so that ids stay theirs
        self._open: set[int] = set()  # containers that are being read: one may hold itself
        self._variables: dict[tuple[int, str], object] = {}  # by namespace and name, those that the code names
        self._assigned: set[tuple[int, str]] = set()

    def read(self, found: object) -> str:
        """Return the text of an object, and of the variables that its code names."""
        owner = found.__self__ if isinstance(found, MethodType) else found
        text = self._text(found)
        if not isinstance(owner, (type, partial, FunctionType)):
            text += self._text(getattr(owner, "__dict__", {}))
        texts: dict[tuple[int, str], str] = {}
        while len(texts) < len(self._variables):  # the code of one may name others
            key = list(self._variables)[len(texts)]
            texts[key] = f"{key[1]}={self._text(self._variables[key])}"
        return "\n".join([text, *(each for key, each in texts.items() if key not in self._assigned)])

    def _text(self, value: object) -> str:
        if isinstance(value, Enum):
            return f"{self._text(type(value))} {value.name}"
        if isinstance(value, PLAIN):
            return repr(value)
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return self._of_container(value)
        if isinstance(value, SimpleNamespace):
            return self._text(vars(value))
        if isinstance(value, ModuleType):
            return _of_module(value)
        numpy = sys.modules.get("numpy")  # not imported for it: there is no array before
        if numpy and isinstance(value, (numpy.ndarray, numpy.generic)) and not value.dtype.hasobject:
            return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        return self._of_code_in(value)

    def _of_code_in(self, value: object) -> str:
        """Return what functions and classes do; of other objects, the class and the fields of a dataclass."""
        if (parts := _parts(value)) is not None:
            return self._text(parts)
        if isinstance(value, FunctionType):
            return self._once(value) or self._of_function(value)
        kind = value if isinstance(value, type) else type(value)
        text = self._once(kind) or self._of_class(kind)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            text += self._text([getattr(value, field.name, None) for field in dataclasses.fields(value)])
        return text

    def _once(self, found: object) -> str:
        """Note a function or a class; return its number if it was read before, else nothing."""
        if id(found) in self._read:
            return f"#{self._read[id(found)][0]}"
        self._read[id(found)] = len(self._read), found
        return ""

    def _of_container(self, value: Any) -> str:
        if id(value) in self._open:
            return "itself"
        self._open.add(id(value))
        items = value.items() if isinstance(value, dict) else value
        parts = [
            f"{self._text(item[0])}: {self._text(item[1])}" if isinstance(value, dict) else self._text(item)
            for item in items
        ]
        self._open.remove(id(value))
        # a set of texts has another order in each process
        return str(sorted(parts) if isinstance(value, (set, frozenset)) else parts)

    def _of_function(self, function: FunctionType) -> str:
        if not _is_own(function.__module__):
            return f"{function.__module__}.{function.__qualname__}"
        for code in _codes(function.__code__):
            for instruction in dis.get_instructions(code):
                key = id(function.__globals__), str(instruction.argval)
                if instruction.opname == "STORE_GLOBAL":
                    self._assigned.add(key)
                elif instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and key[1] in function.__globals__:
                    self._variables.setdefault(key, function.__globals__[key[1]])
        made_with = [function.__defaults__, function.__kwdefaults__, [_content(c) for c in function.__closure__ or ()]]
        return f"{self._of_code(function.__code__)} {self._text(made_with)}"

    def _of_code(self, code: CodeType) -> str:
        """Return what a function does, without the place where it stands."""
        constants = [self._of_code(each) if isinstance(each, CodeType) else self._text(each) for each in code.co_consts]
        return f"{code.co_code.hex()} {constants} {code.co_names}"

    def _of_class(self, kind: type) -> str:
        """Return the code and the values of a class, and of those of its bases that are the user's."""
        if not _is_own(kind.__module__):
            return f"{kind.__module__}.{kind.__qualname__}"
        bases = [self._text(base) for base in kind.__bases__]
        parts = {
            name: self._text(value)
            for name, value in sorted(vars(kind).items())
            if isinstance(value, FunctionType) or _parts(value) is not None or not name.startswith("__")
        }
        return f"{kind.__qualname__} {bases} {parts}"


def _parts(value: object) -> list[object] | None:
    """Return the functions in a method, a property or a cached function; None for anything else."""
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, (MethodType, staticmethod, classmethod)):
        return [value.__func__]
    if isinstance(value, property):
        return [value.fget, value.fset]
    if isinstance(value, cached_property):
        return [value.func]
    return [value.__wrapped__] if isinstance(value, LRU_CACHED) else None


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a function, and that of the functions and comprehensions in it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _of_module(module: ModuleType) -> str:
    """Return a module's name, and a digest of its file if it is the user's."""
    file = getattr(module, "__file__", None)
    if not (_is_own(module.__name__) and file and Path(file).is_file()):
        return module.__name__
    return f"{module.__name__} {hashlib.sha256(Path(file).read_bytes()).hexdigest()}"


def _is_own(module: str | None) -> bool:
    """Return whether a module is the user's: the program itself, or one that no library installed."""
    if module is None or module in PROGRAM:
        return True
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return top not in sys.stdlib_module_names
    return not is_installed(Path(file)) and top != __name__.partition(".")[0]


def _import_path(found: object) -> str | None:
    """Return the import path of a class or a function; None if another process could not import it."""
    module, name = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    if not (isinstance(module, str) and isinstance(name, str) and module in sys.modules):
        return None
    if find_attribute(sys.modules[module], name) is not found:
        return None
    home = home_of(module)
    return f"{home}:{name}" if home else None
