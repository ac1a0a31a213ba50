"""The callbacks of a run: checked, called at its events, and kept in its checkpoints."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rlvision.core.agent import Agent
from rlvision.core.errors import ConfigError, describe_value
from rlvision.core.imports import did_you_mean
from rlvision.core.types import State, Stateful, Tracker
from rlvision.tracking.own_tracker import require_plain
from rlvision.training.active_run import ActiveRun
from rlvision.training.callbacks import Callback
from rlvision.training.collector import Collector

EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class CallbackList:
    """Caller of callbacks, in their order.

    An error in one of them must not leave a step half done. So it is kept, the step is finished, the run is saved and
    ends, and `raise_error` raises it::

        send   update   on_update: error   recv   add   save   raise

    Args:
        callbacks: checked by `check_callbacks`.
        folder: of the run.
    """

    def __init__(self, callbacks: Sequence[Callback], folder: Path) -> None:
        self._callbacks = tuple(callbacks)
        self._folder = folder
        self._methods = {event: [each for each in callbacks if _overrides(each, event)] for event in EVENTS}
        self._error: Exception | None = None
        self.run: ActiveRun

    def bind(self, agent: Agent, collector: Collector, tracker: Tracker, recent: deque[float]) -> ActiveRun:
        """Make the run that the callbacks see, and return it."""
        self.run = ActiveRun(self._folder, agent, collector, tracker, recent)
        return self.run

    def begin(self) -> None:
        """Call ``on_training_begin``; a state that cannot be stored ends the run here, not at the first checkpoint."""
        self.state_dict()
        self.call("on_training_begin")

    def call(self, event: str, *given: Any) -> None:
        """Call an event of all callbacks that have it; none after an error."""
        for callback in self._methods[event]:
            self._attempt(callback, event, lambda method: method(self.run, *given))

    def saved(self, path: Path) -> None:
        """Call ``on_checkpoint``, which cannot log rows."""
        self.run.forbid_rows(forbidden=True)
        self.call("on_checkpoint", path)
        self.run.forbid_rows(forbidden=False)

    def raise_error(self) -> None:
        """Raise the error of a callback, if there was one."""
        if self._error is not None:
            raise self._error

    def state_dict(self) -> State:
        """Return the class name and the state of each callback."""
        return {
            "latest": dict(self.run.metrics) if self._callbacks else {},
            "callbacks": [{"class": type(each).__qualname__, "state": self._state(each)} for each in self._callbacks],
        }

    def restore(self, state: State) -> list[str]:
        """Give each callback the state of the first one left of its class.

        Returns:
            A line for callbacks of the checkpoint that are missing now, and one for new callbacks.
        """
        self.run.note(state.get("latest", {}))
        pairs = list(self._pairs(state))
        for callback, stored in pairs:
            if stored is not None and stored["state"] is not None and isinstance(callback, Stateful):
                callback.load_state_dict(stored["state"])
        return list(_announce(pairs, _stored(state)))

    def _pairs(self, state: State) -> Iterator[tuple[Callback, State | None]]:
        left = list(_stored(state))
        for callback in self._callbacks:
            found = next((each for each in left if each["class"] == type(callback).__qualname__), None)
            left = [each for each in left if each is not found]
            yield callback, found

    def _state(self, callback: Callback) -> State | None:
        found: list[State] = []
        if isinstance(callback, Stateful):
            self._attempt(callback, "state_dict", lambda method: found.append(_plain(method())))
        return found[0] if found else None

    def _attempt(self, callback: Callback, name: str, use: Callable[[Callable[..., Any]], object]) -> None:
        if self._error is not None and name != "state_dict":
            return
        try:
            use(getattr(callback, name))
        except Exception as error:  # the user's code may raise anything
            where = f"{type(callback).__qualname__}.{name}"
            self.run.interrupt(f"{type(error).__name__} in {where}")
            if self._error is None:
                error.add_note(f"raised in {where}; the run is saved after this step, and the same call continues it")
                self._error = error


def check_callbacks(callbacks: object) -> None:
    """Refuse what is no list of callbacks.

    Raises:
        ConfigError: the message says what to pass.
    """
    if not isinstance(callbacks, (list, tuple)):
        raise ConfigError(f"expected a list in callbacks, got {describe_value(callbacks)}: put it in brackets")
    for callback in callbacks:
        if isinstance(callback, type):
            raise ConfigError(
                f"expected objects in callbacks, got the class {callback.__qualname__}: call it, {callback.__name__}()"
            )
        if not isinstance(callback, Callback):
            raise ConfigError(
                f"expected an rlvision.Callback in callbacks, got {describe_value(callback)}: derive its class from it"
            )
        _require_known_events(callback)


def _require_known_events(callback: Callback) -> None:
    for name in dir(type(callback)):
        if name.startswith("on_") and name not in EVENTS:
            remedy = did_you_mean(name, EVENTS, f"use {', '.join(EVENTS)}, or another name for a helper")
            raise ConfigError(f"expected an event in {type(callback).__qualname__}, got {name}: {remedy}")


def _overrides(callback: Callback, event: str) -> bool:
    return getattr(getattr(callback, event), "__func__", None) is not getattr(Callback, event)


def _announce(pairs: Sequence[tuple[Callback, State | None]], stored: Sequence[State]) -> Iterator[str]:
    used = [id(found) for _, found in pairs]
    if gone := ", ".join(each["class"] for each in stored if id(each) not in used):
        yield f"continuing without callbacks that the run had: {gone}"
    if new := ", ".join(type(callback).__qualname__ for callback, found in pairs if found is None):
        yield f"continuing with callbacks that the run did not have, or whose state is not stored: {new}"


def _stored(state: State) -> list[State]:
    return list(state.get("callbacks", []))


def _plain(state: State) -> State:
    require_plain(state)
    return state
