"""One environment that a user has made herself: it is lent to whoever needs it, and copied where two are needed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium

from rlvision.core.errors import EnvError
from rlvision.envs.env_errors import one_line

Env = gymnasium.Env[Any, Any]


class OneEnvironment:
    """A maker of one environment: it gives the user's own while nobody has it, and otherwise a second one.

    Training has the user's environment, and evaluations have the second. A registered one is made again by its
    ``spec``; any other is a copy of the environment as it was at first.

    Args:
        env: the user's environment, which is never closed here.

    Raises:
        EnvError: there is no way to make a second one.
    """

    lends = True
    """One environment comes back and is given again, which a user's own function may not do."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._is_lent = False
        self._make_second = _second_maker(env)

    def __call__(self) -> Env:
        """Return an environment that nobody else has."""
        if self._is_lent:
            return self._make_second()
        self._is_lent = True
        return _Lent(self._env, self._take_back)

    def _take_back(self) -> None:
        self._is_lent = False


class _Lent(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The user's environment, which `close` gives back."""

    def __init__(self, env: Env, give_back: Callable[[], None]) -> None:
        super().__init__(env)
        self._give_back = give_back

    def close(self) -> None:
        """Give it back, open as it is."""
        self._give_back()


def _second_maker(env: Env) -> Callable[[], Env]:
    """Return what makes a second environment, which has been tried once."""
    try:
        return _maker_by_spec(env) or _copier(env)
    except Exception as error:  # an environment of the user's may raise anything
        raise EnvError(
            f"expected an environment that can be made or copied again, because evaluations need a second one, got "
            f"{type(env.unwrapped).__name__} ({one_line(error)}): hand over its class, or a function that makes it"
        ) from error


def _maker_by_spec(env: Env) -> Callable[[], Env] | None:
    """Return what makes a registered environment again, with its wrappers; None if it was not registered."""
    spec = env.spec
    if spec is None or spec.entry_point is None:
        return None
    maker = partial(gymnasium.make, spec, disable_env_checker=True)
    try:
        maker().close()
    except (gymnasium.error.Error, ValueError):  # one of its wrappers does not say how it was made
        return None
    return maker


def _copier(env: Env) -> Callable[[], Env]:
    pristine = copy.deepcopy(env)
    copy.deepcopy(pristine).close()
    return partial(copy.deepcopy, pristine)
