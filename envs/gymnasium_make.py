"""Make one Gymnasium environment by id or import path, and turn its errors into rlvision's."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from enum import EnumType
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.spaces import Discrete
from gymnasium.wrappers import TimeLimit

from rlvision.core.errors import ConfigError, EnvCrashError, EnvError, MissingExtraError, RLVisionError
from rlvision.envs.settings import EnvSettings

Env = gymnasium.Env[Any, Any]
_VERSIONED = re.compile(r".+-v\d+")
LONGEST = 300
"""Largest number of characters shown of an environment's own error."""
_PLUGINS = {"MiniGrid-": "minigrid", "BabyAI-": "minigrid"}
"""Prefix of ids -> package that registers them when it is imported; rlvision's extra has the same name."""


def make_env(settings: EnvSettings) -> Env:
    """Make the environment, with the render mode rgb_array if it has that mode.

    Raises:
        ConfigError: there is no such environment.
        MissingExtraError: a package that it needs is not installed.
        EnvError: its action space is not Discrete, or it fails to start.
    """
    _without_display()
    with wrap_env_errors(settings.game):
        env = _from_class(settings) if is_import_path(settings.game) else _from_registry(settings)
    try:
        discrete_space(env)
    except EnvError:
        env.close()
        raise
    return env


def discrete_space(env: Env) -> Discrete:
    """Return the environment's action space, A actions counted from ``start``.

    Raises:
        EnvError: it is not Discrete.
    """
    if not isinstance(env.action_space, Discrete):
        raise EnvError(f"expected a Discrete action space, got {env.action_space} of {env}: Q-learning needs one")
    return env.action_space


def is_import_path(name: str) -> bool:
    """Return whether a name is ``package.module:EnvClass``, not ``package:Id-v0`` or another id."""
    return ":" in name and not _VERSIONED.fullmatch(name)


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
    except EnvCrashError:
        raise
    except EnvError as error:
        raise EnvError(f"{error} ({'; '.join(filter(None, (who, when)))})") from error
    except RLVisionError:
        raise
    except gymnasium.error.DependencyNotInstalled as error:
        extra = "box2d" if "box2d" in str(error).lower() else ""
        remedy = f"pip install 'rlvision[{extra}]'" if extra else "install it"
        raise MissingExtraError(f"expected what {who} needs to be installed, got: {error}: {remedy}") from error
    except (Exception, SystemExit) as error:
        place = "; ".join(filter(None, (error_location(error), when)))
        raise EnvCrashError(f"expected {who} to work, got {one_line(error)} ({place})") from error


def one_line(error: BaseException) -> str:
    """Return the last line of an error's traceback, cut to `LONGEST` characters."""
    words = " ".join(str(error).split())
    shortened = words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."
    return f"{type(error).__name__}: {shortened}" if words else type(error).__name__


def error_location(error: BaseException) -> str:
    """Return the file and line in which an error was raised: ``lander.py:103``."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "wandb" not in Path(frame.filename).parts]  # W&B wraps sys.exit
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def action_meanings(env: Env) -> tuple[str, ...]:
    """Return A names: the environment's own if it has them, else the numbers of its actions."""
    space = discrete_space(env)
    named: Callable[[], list[str]] | None = getattr(env.unwrapped, "get_action_meanings", None)
    if named is not None:
        return tuple(named())
    actions: Any = getattr(env.unwrapped, "actions", None)
    if isinstance(actions, EnumType) and len(actions) == space.n:
        return tuple(str(name) for name in actions.__members__)
    return tuple(str(space.start + action) for action in range(int(space.n)))


def _from_class(settings: EnvSettings) -> Env:
    """Make an environment from a class, with the render mode and time limit that a registered id would have."""
    module, _, attribute = settings.game.partition(":")
    try:
        creator = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"expected an importable package.module:EnvClass, got {settings.game!r}: {error}") from error
    env: Env = creator(**settings.kwargs, **_render_mode(creator))
    return TimeLimit(env, settings.max_episode_steps) if settings.max_episode_steps else env


def _from_registry(settings: EnvSettings) -> Env:
    spec = _find_spec(settings.game)
    if spec.entry_point is None:
        raise ConfigError(f"expected an environment that can be made one by one, got {settings.game!r}: choose another")
    creator = spec.entry_point if callable(spec.entry_point) else load_env_creator(spec.entry_point)
    kwargs = {**settings.kwargs, **_render_mode(creator)}
    return gymnasium.make(spec, max_episode_steps=settings.max_episode_steps, disable_env_checker=True, **kwargs)


def _render_mode(creator: Any) -> dict[str, str]:
    """Ask for ``rgb_array`` if the environment has it; one with image observations may lack it."""
    modes = getattr(creator, "metadata", {}).get("render_modes", ())
    return {"render_mode": "rgb_array"} if "rgb_array" in modes else {}


def _find_spec(name: str) -> EnvSpec:
    """Find the registered environment of this name.

    Raises:
        MissingExtraError: the package that registers it is not installed.
        ConfigError: there is no such environment; the message has the nearest name.
    """
    for prefix, package in _PLUGINS.items():
        if name.startswith(prefix):
            _import_plugin(name, package)
    try:
        return gymnasium.spec(name)
    except (gymnasium.error.UnregisteredEnv, ModuleNotFoundError) as error:
        near = get_close_matches(name, gymnasium.registry, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "a class of your own goes by package.module:EnvClass"
        raise ConfigError(f"expected a registered Gymnasium id, got {name!r}: {hint}") from error


def _import_plugin(name: str, package: str) -> None:
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"expected {package} for {name}, got: {error}: pip install 'rlvision[{package}]'"
        ) from error


def _without_display() -> None:
    """Set SDL's dummy video driver on a machine without a display, so that SDL does not warn of it."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
