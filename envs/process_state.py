"""The process as a user's world finds it, and as it was: the world runs with its own changes, and nothing else does.

::

    constructor: chdir(assets)      put back: ours        reset, step: chdir(assets)      put back: ours

A world may change the working directory, torch's default dtype and grad mode, numpy's error state, the locale, the
filters of warnings, the handlers of Ctrl-C and SIGTERM, and the root logger. It finds its own changes again at its next
call, because it may need them, except for those in `OURS`.
"""

from __future__ import annotations

import locale
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import gymnasium
import numpy as np

Value = Any
Part = tuple[Callable[[], Value], Callable[[Value], object]]
"""How a part of the process's state is read and set."""


class ProcessState:
    """The changes that one world has made to its process; `inside` applies them, and puts back what was."""

    def __init__(self) -> None:
        self._own: dict[str, Value] = {}

    @contextmanager
    def inside(self, quickly: bool = False) -> Iterator[None]:
        """Run code of the world with its own changes, and afterwards put back what was before.

        Args:
            quickly: leave out the parts that are slow to read and seldom changed, those in `SLOW`.
        """
        parts = _parts(quickly)
        before = {name: read() for name, (read, _) in parts.items()}
        for name in parts.keys() & self._own.keys():
            parts[name][1](self._own[name])
        try:
            yield
        finally:
            self._put_back(before, quickly)

    def _put_back(self, before: dict[str, Value], quickly: bool) -> None:
        """Set every part that has changed to what it was, and keep the world's own value for its next call."""
        for name, (read, write) in _parts(quickly).items():
            now = read()
            was = before.get(name, _FRESH.get(name, now))  # there is none before if the world has imported torch
            self._own.pop(name, None)
            if now != was:
                write(was)
                self._own.update({} if name in OURS else {name: now})


class GuardedWorld(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A user's world whose calls leave the process as it was.

    Args:
        env: the world.
        state: its changes so far, those of its constructor.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], state: ProcessState) -> None:
        super().__init__(env)
        self._state = state

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Reset the world."""
        with self._state.inside():
            return self.env.reset(seed=seed) if options is None else self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        """Step the world."""
        with self._state.inside(quickly=True):
            return self.env.step(action)

    def render(self) -> Any:
        """Render the world."""
        with self._state.inside():
            return self.env.render()

    def close(self) -> None:
        """Close the world."""
        with self._state.inside():
            self.env.close()


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - five times as fast as Path.cwd(), and read at every step
    except FileNotFoundError:  # it was deleted
        return None


def _chdir(path: str | None) -> None:
    with suppress(OSError):  # it is gone, and no place is better
        os.chdir(path or "/")


def _root_logger() -> Value:
    return logging.root.level, tuple(logging.root.handlers), logging.root.disabled


def _set_root_logger(value: Value) -> None:
    level, handlers, logging.root.disabled = value
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)  # it also clears what loggers remember


def _set_filters(filters: Value) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # so that modules forget what the other filters said


def _set_handler(number: signal.Signals, handler: Value) -> None:
    if handler is not None:  # None: it was not set from Python
        signal.signal(number, handler)


def _handler(number: signal.Signals) -> Part:
    return lambda: signal.getsignal(number), lambda handler: _set_handler(number, handler)


_ALWAYS: dict[str, Part] = {
    "the working directory": (_directory, _chdir),
    "numpy's error state": (np.geterr, lambda state: np.seterr(**state)),
    "the locale": (lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value)),
    "the filters of warnings": (lambda: list(warnings.filters), _set_filters),
    "the root logger": (_root_logger, _set_root_logger),
}
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
OURS = {"the root logger", "the filters of warnings", "torch's threads", "SIGINT", "SIGTERM"}
"""Parts of the state that a world does not find again."""
SLOW = {"the locale", "the root logger", "SIGINT", "SIGTERM"}
"""Parts of the state that are not looked at in a step, since that would take longer than many worlds do."""
_FRESH: dict[str, Value] = {"torch's grad mode": True}
"""State of torch in a process that had not imported it yet."""


def _parts(quickly: bool) -> dict[str, Part]:
    """Return the parts of the state that can be read here: signals in the main thread, torch where it is loaded."""
    has_torch = hasattr(sys.modules.get("torch"), "set_num_threads")
    return _parts_of(quickly, has_torch, threading.current_thread() is threading.main_thread())


@cache
def _parts_of(quickly: bool, has_torch: bool, is_main: bool) -> dict[str, Part]:
    signals = {number.name: _handler(number) for number in _SIGNALS} if is_main else {}
    parts = {**_ALWAYS, **signals, **(_torch_parts() if has_torch else {})}
    return {name: part for name, part in parts.items() if not (quickly and name in SLOW)}


def _torch_parts() -> dict[str, Part]:
    torch = sys.modules["torch"]
    _FRESH.setdefault("torch's default dtype", torch.float32)
    return {
        "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
        "torch's grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
        "torch's threads": (torch.get_num_threads, torch.set_num_threads),
    }
