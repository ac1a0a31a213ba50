"""Trackers of the user's own, by import path: the setting ``tracking.also``."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from rlvision.core.errors import ConfigError, describe_value
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import State
from rlvision.core.user_code import import_object
from rlvision.core.wording import where

_log = logging.getLogger("rlvision")


class OwnTracker:
    """A tracker of the user's own, whose errors never end training: the first is warned of, and it gets no more rows.

    Args:
        name: of the tracker, for messages.
        tracker: an object with ``log(metrics, env_steps)`` and ``close()``.

    Raises:
        ConfigError: it has no ``log`` or no ``close``.
    """

    def __init__(self, name: str, tracker: Any) -> None:
        _require_tracker(name, tracker)
        self._name = name
        self._tracker = tracker
        self._failed = False

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Pass on a row of metrics."""
        if not self._failed:
            with self._guarded("log"):
                self._tracker.log(dict(metrics), env_steps)

    def state_dict(self) -> State:
        """Return its state, if it has one and that is made of plain values and tensors."""
        with self._guarded("state_dict"):
            found: State = getattr(self._tracker, "state_dict", dict)()
            require_plain(found)
            return found
        return {}

    def load_state_dict(self, state: State) -> None:
        """Restore its state, if it has one."""
        with self._guarded("load_state_dict"):
            if state:
                self._tracker.load_state_dict(state)

    def close(self) -> None:
        """Close it, even after an error."""
        with self._guarded("close"):
            self._tracker.close()

    @contextmanager
    def _guarded(self, method: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # the user's code may raise anything
            if not self._failed:
                _log.warning(
                    "tracker %s failed in %s (%s: %s): training goes on without it",
                    self._name, method, type(error).__name__, error,
                )  # fmt: skip
            self._failed = True


def make_own_trackers(paths: Iterable[str], folder: AnyPath, settings: Mapping[str, Any]) -> dict[str, OwnTracker]:
    """Return the trackers of the setting ``tracking.also``, by import path.

    Args:
        paths: import paths of their classes, called with the run folder and the settings of the run.
        folder: of the run.
        settings: of the run, as nested plain values.

    Raises:
        ConfigError: a class cannot be imported or made, or has no ``log`` or no ``close``.
    """
    return {path: OwnTracker(path, _make(path, as_path(folder), settings)) for path in paths}


def guard_trackers(trackers: object) -> dict[str, OwnTracker]:
    """Return trackers that were given as objects, by the name of their class and its place among those of that class.

    Raises:
        ConfigError: that is no list, or something in it is no tracker.
    """
    if not isinstance(trackers, (list, tuple)):
        raise ConfigError(f"expected a list in trackers, got {describe_value(trackers)}: put it in brackets")
    guarded: dict[str, OwnTracker] = {}
    for tracker in trackers:
        if isinstance(tracker, type):
            raise ConfigError(
                f"expected objects in trackers, got the class {tracker.__qualname__}: call it, {tracker.__name__}()"
            )
        name = type(tracker).__qualname__
        same = sum(each.partition(" ")[0] == name for each in guarded)
        guarded[f"{name} {same + 1}"] = OwnTracker(name, tracker)
    return guarded


def _make(path: str, folder: Path, settings: Mapping[str, Any]) -> Any:
    if ":" not in path:
        raise ConfigError(f"expected package.module:Tracker in tracking.also, got {path!r}: add the class")
    found = import_object(path, "tracking.also")
    if not callable(found):
        raise ConfigError(f"expected a class in tracking.also, got {path}, which cannot be called: name the class")
    try:
        return found(folder, settings)
    except Exception as error:  # the user's constructor may raise anything
        raise ConfigError(
            f"expected to make tracker {path} from the run folder and the settings, got {type(error).__name__} "
            f"({error}): change its constructor; {where()}"
        ) from error


def _require_tracker(name: str, tracker: object) -> None:
    missing = [method for method in ("log", "close") if not callable(getattr(tracker, method, None))]
    if missing:
        raise ConfigError(
            f"expected tracker {name} to have log(metrics, env_steps) and close(), got no {' and no '.join(missing)}: "
            "add it"
        )


def require_plain(value: object) -> None:
    """Refuse a state that a checkpoint could not be read with: those are read without running any code."""
    if isinstance(value, Mapping):
        for each in (*value, *value.values()):
            require_plain(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            require_plain(each)
    elif type(value) not in (int, float, bool, str, bytes, type(None), torch.Tensor):
        raise TypeError(f"expected numbers, text, lists, dicts and tensors in its state, got {type(value).__name__}")
