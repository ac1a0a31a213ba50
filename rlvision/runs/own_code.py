"""Code that the user has run on this machine: a folder that names it needs no ``--trust-imports``.

A run that begins leaves a note of each import path that its settings name, with the arguments that they give it and
the file that it came from. The notes are in the user's own state folder, so that a folder from a stranger cannot bring
them along. Code is the user's own if its note has the same path, the same arguments, and Python would import one of its
files. The folder of that file is added to Python's path, so that commands find it from everywhere. Two projects may
have files of one name, ``a/worlds.py`` and ``b/worlds.py``: a run is played with the one that is nearest to its folder.
"""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

from rlvision.config.fields import flatten
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.files import open_to_read, path_exists, read_text, warn_on_os_error, write_atomically
from rlvision.core.folders import make_folder
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.user_code import is_here
from rlvision.runs.code_files import files_of
from rlvision.runs.history import CODE, version_changes

HARMLESS = ("rlvision.envs.counting_env:CountingEnv",)
"""Import paths that an untrusted folder may name. Others could do harm: the folder chooses the class's arguments."""
LONGEST_NOTE = 100_000
MOST_FILES = 20
"""Files of one name that are remembered."""

_log = logging.getLogger("rlvision")


def imported_settings(config: Config, *, trains: bool = False) -> dict[str, str]:
    """Return the settings that import code, by name. They include ``package:Id-v0``: Gymnasium imports ``package``.

    Args:
        config: the settings.
        trains: whether the run continues, which imports its trackers, too.
    """
    named = {"env.game": config.env.game, "network.encoder": config.network.encoder, "agent.name": config.agent.name}
    trackers = {"tracking.also": ",".join(config.tracking.also)} if trains and config.tracking.also else {}
    found = {**named, **trackers}.items()
    return {name: path for name, path in found if ":" in path and path not in HARMLESS and not is_here(path)}


def strange_imports(config: Config, place: AnyPath, *, trains: bool = False) -> dict[str, str]:
    """Return those of the `imported_settings` that are not known as the user's own code.

    Args:
        config: the settings.
        place: folder of the run or export that they are of.
        trains: as in `imported_settings`.
    """
    named = imported_settings(config, trains=trains)
    return {name: value for name, value in named.items() if not _is_own(name, config, as_path(place))}


def remember_imports(config: Config) -> None:
    """Leave notes of the code that a run of these settings imports."""
    with warn_on_os_error("the notes of your own code, without which commands ask for trust"):
        for name in imported_settings(config, trains=True):
            for path, arguments in _imports(name, config):
                if file := _file_of(path.partition(":")[0]):
                    note = _note(name, path, arguments)
                    files = [file, *(str(other) for other in _noted_files(note) if str(other) != file)]
                    make_folder(note.parent)
                    write_atomically(note, json.dumps({"import": path, "files": files[:MOST_FILES]}).encode())


def code_digests(config: Config) -> dict[str, str]:
    """Return a digest of each file of the user's that a run of these settings imports, by its module."""
    return {f"{CODE}{module}": _digest(file) for module, file in _code_files(config).items()}


def require_code(config: Config) -> None:
    """Refuse settings whose code is the user's own and is no longer where it was, or anywhere else.

    Raises:
        ConfigError: the message names the module and its former file.
    """
    for name in imported_settings(config):
        for path, arguments in _imports(name, config):
            module, files = path.partition(":")[0], _noted_files(_note(name, path, arguments))
            if files and not any(map(path_exists, files)) and _place_of(module.partition(".")[0]) is None:
                raise ConfigError(
                    f"expected the module {module} for {name}={path} in {files[0]}, where it was, got no such file: "
                    "put it back, or run where Python finds it"
                )


def warn_of_edits(folder: Path, config: Config, then: str) -> None:
    """Warn if the user's code is another than in the last session of a run.

    Args:
        folder: of the run.
        config: its settings.
        then: what follows from that.
    """
    if not (files := _code_files(config)):
        return
    changed = version_changes(folder, code_digests(config))
    edited = [f"{module} ({file})" for module, file in files.items() if f"{CODE}{module}" in changed]
    if edited:
        are = "are others" if len(edited) > 1 else "is another"
        listed = " and ".join(edited)
        _log.warning("%s%s %s than in its last session: if that changes the game, %s", CODE, listed, are, then)


def _code_files(config: Config) -> dict[str, Path]:
    paths = [path for name in imported_settings(config, trains=True) for path, _ in _imports(name, config)]
    return files_of(sorted({path.partition(":")[0] for path in paths}))


def look_where_it_was(config: Config, place: Path) -> None:
    """Add the folders of the user's own code to Python's path, for the run or export in a folder."""
    for name in imported_settings(config, trains=True):
        for path, arguments in _imports(name, config):
            if file := _nearest(_noted_files(_note(name, path, arguments)), place):
                _add_to_path(_root(path, file))


def _digest(file: Path) -> str:
    with open_to_read(file) as opened:
        return hashlib.sha256(opened.read()).hexdigest()[:8]


def _imports(name: str, config: Config) -> Iterator[tuple[str, object]]:
    """Yield the import paths of a setting, each with the arguments that the settings give it."""
    if name == "tracking.also":
        yield from ((path, None) for path in config.tracking.also)
    elif name == "agent.name":
        yield config.agent.name, flatten(config.agent)
    else:
        group, value = {"env.game": (config.env, config.env.game)}.get(name, (config.network, config.network.encoder))
        yield value, group.kwargs


def _is_own(name: str, config: Config, place: Path) -> bool:
    return all(_is_known(path, _note(name, path, arguments), place) for path, arguments in _imports(name, config))


def _is_known(path: str, note: Path, place: Path) -> bool:
    """Return whether Python would import one of a note's files; nothing is imported to find out."""
    files = [file for file in _noted_files(note) if path_exists(file)]
    nearest = _nearest(files, place)
    if nearest is None:
        return False
    _add_to_path(_root(path, nearest))
    top = path.partition(":")[0].partition(".")[0]
    found = _place_of(top)
    return any(found in (_root(path, file) / f"{top}.py", _root(path, file) / top) for file in files)


def _nearest(files: Sequence[Path], place: Path) -> Path | None:
    """Return the file that shares most of its path with a folder; of several, the one that ran last."""
    there = place.absolute().resolve().parts

    def shared(file: Path) -> int:
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(file.parts, there, strict=False)))

    return max(filter(path_exists, files), key=shared, default=None)


def _place_of(top: str) -> Path | None:
    """Return the file or the folder of a top-level module, without importing it."""
    spec = _spec(top)
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    place = folders[0] if folders else spec.origin
    return None if place is None else Path(place).resolve()


def _file_of(module: str) -> str | None:
    """Return the file of a module that a run has imported, perhaps in a worker process."""
    spec = _spec(module)
    return None if spec is None or spec.origin is None else str(Path(spec.origin).resolve())


def _spec(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except Exception:  # of a module that was run as a script, or of a package of the user's, which may raise anything
        return None


def _root(path: str, file: Path) -> Path:
    """Return the folder on Python's path that the file of a module was found from."""
    depth = path.partition(":")[0].count(".") + (file.name == "__init__.py")
    return file.parents[depth]


def _add_to_path(root: Path) -> None:
    if str(root) not in sys.path:
        sys.path.insert(max(0, len(sys.path) - 1), str(root))  # before the working directory, which is last


def _note(name: str, path: str, arguments: object) -> Path:
    """Return the file of a note, whose name is a digest of what it is about."""
    about = json.dumps([name, path, _untyped(arguments)], sort_keys=True, default=str)
    return _state_folder() / f"{hashlib.sha256(about.encode()).hexdigest()}.json"


def _untyped(value: object) -> object:
    """Return a value as it is read from a file whose types are not known: 5 is 5.0, and none is None."""
    if isinstance(value, Mapping):
        return {key: _untyped(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_untyped(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return None if value == "none" else value


def _noted_files(note: Path) -> list[Path]:
    """Return the files of a note, that which ran last first; of an older release's note, none."""
    return list(map(Path, json.loads(read_text(note, LONGEST_NOTE)).get("files", []))) if path_exists(note) else []


def _state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path("~/.local/state").expanduser()) / "rlvision" / "own-code"
