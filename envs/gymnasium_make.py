"""Make one Gymnasium environment by id or import path, and turn its errors into rlvision's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium

from rlvision.core.errors import EnvError
from rlvision.envs.env_errors import translated
from rlvision.envs.settings import EnvSettings
from rlvision.envs.user_world import make_user_world
from rlvision.envs.validation import discrete_space

Env = gymnasium.Env[Any, Any]
OWN = "gymnasium.envs."
"""Start of the entry points of Gymnasium's own environments."""


def make_env(settings: EnvSettings) -> Env:
    """Make the environment; it renders pictures unless its observation is one.

    Raises:
        ConfigError: there is no such environment.
        MissingExtraError: a package that it needs is not installed.
        EnvError: its action space is not Discrete, or it fails to start.
    """
    _without_display()
    with wrap_env_errors(settings.game):
        env = _make_own(settings) if _is_own(settings.game) else make_user_world(settings)
    try:
        discrete_space(env)
    except EnvError:
        env.close()
        raise
    return env


def _is_own(name: str) -> bool:
    """Return whether an id is registered for an environment inside Gymnasium."""
    spec = gymnasium.registry.get(name)
    return spec is not None and str(spec.entry_point).startswith(OWN)


@contextmanager
def wrap_env_errors(who: str, when: str = "") -> Iterator[None]:
    """Turn every error inside an environment into one of rlvision's that quotes it.

    Args:
        who: name of the environment.
        when: seed and step of its game.

    Raises:
        EnvCrashError: it raised an error of its own, or tried to exit the program.
        EnvError: it broke Gymnasium's contract.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        found = translated(error, who, when)
        if found is error:
            raise
        raise found from error


def _make_own(settings: EnvSettings) -> Env:
    """Make an environment of Gymnasium's, all of which render pictures."""
    kwargs = {"render_mode": "rgb_array", **settings.kwargs}
    limit = settings.max_episode_steps
    return gymnasium.make(settings.game, max_episode_steps=limit, disable_env_checker=True, **kwargs)


def _without_display() -> None:
    """Set SDL's dummy video driver on a machine without a display, so that SDL does not warn of it."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
