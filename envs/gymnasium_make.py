"""Making one Gymnasium environment, by registered id or by import path, and refusing what a Q-network cannot play."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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

Env = gymnasium.Env[Any, Any]
_VERSIONED = re.compile(r".+-v\d+")
LONGEST = 300
"""Letters of an environment's own error that are shown."""
_PLUGINS = {"MiniGrid-": "minigrid", "BabyAI-": "minigrid"}
"""Prefixes of ids that importing a package registers; the package's name is that of our extra."""


@dataclass(frozen=True, slots=True)
class World:
    """Which environment, and how it is made.

    Attributes:
        name: a registered id (``CartPole-v1``, ``package:Id-v0``) or an import path (``package.module:EnvClass``).
        kwargs: arguments of the environment, such as ``{"continuous": False}``.
        max_episode_steps: the environment's own steps after which a game is truncated; None: as registered.
    """

    name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_episode_steps: int | None = None


def make_world(world: World) -> Env:
    """The environment, able to render where it can.

    Raises:
        ConfigError: if there is no such environment.
        MissingExtraError: if what it needs is not installed.
        EnvError: if its action space is not Discrete, or it fails to start.
    """
    _without_display()
    with blame(world.name):
        env = _from_class(world) if is_import_path(world.name) else _from_registry(world)
    try:
        discrete_space(env)
    except EnvError:
        env.close()
        raise
    return env


def discrete_space(env: Env) -> Discrete:
    """The environment's action space, A actions counted from ``start``.

    Raises:
        EnvError: if it is not Discrete.
    """
    if not isinstance(env.action_space, Discrete):
        raise EnvError(f"expected a Discrete action space, got {env.action_space} of {env}: Q-learning needs one")
    return env.action_space


def is_import_path(name: str) -> bool:
    """``package.module:EnvClass``, and not ``package:Id-v0``."""
    return ":" in name and not _VERSIONED.fullmatch(name)


@contextmanager
def blame(who: str, when: str = "") -> Iterator[None]:
    """Turn whatever goes wrong inside an environment into one of our errors, with the environment's own words.

    Args:
        who: the environment, by its name.
        when: where in its game it was.

    Raises:
        EnvCrashError: it raised an error of its own; to leave the program counts as one.
        EnvError: it was found to break its contract.
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
        place = "; ".join(filter(None, (place_of(error), when)))
        raise EnvCrashError(f"expected {who} to work, got {on_one_line(error)} ({place})") from error


def on_one_line(error: BaseException) -> str:
    """The last line of an error's traceback, shortened where it is endless."""
    words = " ".join(str(error).split())
    shortened = words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."
    return f"{type(error).__name__}: {shortened}" if words else type(error).__name__


def place_of(error: BaseException) -> str:
    """File and line in which an error was raised: ``lander.py:103``."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "wandb" not in Path(frame.filename).parts]  # W&B puts itself around sys.exit
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def action_meanings(env: Env) -> tuple[str, ...]:
    """A names: the environment's own where it has them, else the numbers it knows its actions by."""
    space = discrete_space(env)
    named: Callable[[], list[str]] | None = getattr(env.unwrapped, "get_action_meanings", None)
    if named is not None:
        return tuple(named())
    actions: Any = getattr(env.unwrapped, "actions", None)
    if isinstance(actions, EnumType) and len(actions) == space.n:
        return tuple(str(name) for name in actions.__members__)
    return tuple(str(space.start + action) for action in range(int(space.n)))


def _from_class(world: World) -> Env:
    """An environment by its class: with the render mode and the time limit that a registered id would give it."""
    module, _, attribute = world.name.partition(":")
    try:
        creator = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"expected an importable package.module:EnvClass, got {world.name!r}: {error}") from error
    env: Env = creator(**world.kwargs, **_render_mode(creator))
    return TimeLimit(env, world.max_episode_steps) if world.max_episode_steps else env


def _from_registry(world: World) -> Env:
    spec = _find_spec(world.name)
    if spec.entry_point is None:
        raise ConfigError(f"expected an environment that can be made one by one, got {world.name!r}: choose another")
    creator = spec.entry_point if callable(spec.entry_point) else load_env_creator(spec.entry_point)
    kwargs = {**world.kwargs, **_render_mode(creator)}
    return gymnasium.make(spec, max_episode_steps=world.max_episode_steps, disable_env_checker=True, **kwargs)


def _render_mode(creator: Any) -> dict[str, str]:
    """``rgb_array`` where the environment has it: one whose observation is an image need not."""
    modes = getattr(creator, "metadata", {}).get("render_modes", ())
    return {"render_mode": "rgb_array"} if "rgb_array" in modes else {}


def _find_spec(name: str) -> EnvSpec:
    """The registered environment of this name.

    Raises:
        MissingExtraError: if the package that registers it is not installed.
        ConfigError: if there is none; the message has the nearest name.
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
    """Keep SDL from looking for a display that is not there (and from complaining of it)."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
