"""Make a world that is not Gymnasium's own: a class, a function, or an id that a user or a package has registered.

The world is the authority on itself. It is made as its constructor says, rendered only where its observation is no
picture, and leaves the process as it was (`rlvision.envs.process_state`).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import TimeLimit

from rlvision.core.errors import ConfigError, EnvError, MissingExtraError, RLVisionError, how_to_find
from rlvision.core.user_code import find_attribute, import_user_module, is_here, kept_object
from rlvision.envs.env_errors import one_line
from rlvision.envs.pictures import find_view
from rlvision.envs.process_state import GuardedWorld, ProcessState
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import read_attribute, render_modes

Env = gymnasium.Env[Any, Any]
Creator = Callable[..., Any]
RENDER_MODE = "render_mode"
PICTURES = "rgb_array"
PLUGINS = {"MiniGrid-": "minigrid", "BabyAI-": "minigrid"}
"""Prefix of ids -> package that registers them when it is imported; rlvision's extra has the same name."""
OLD_GYM = "written for gym before 0.26"
_states: dict[str, ProcessState] = {}
"""The changes that each world makes to this process; a module makes its own only once, when it is imported."""
_rendered: set[str] = set()
"""Worlds of this process, as text, that have to be rendered: they are made only once from their second time on."""
_made_here: WeakValueDictionary[int, Env] = WeakValueDictionary()
"""Environments of this process that are still in use."""


def make_user_world(settings: EnvSettings) -> Env:
    """Make the world that ``settings.game`` names; it asks for ``render_mode`` only if its observation is no picture.

    Raises:
        ConfigError: there is no such world.
        EnvError: what was made is no environment of Gymnasium.
        MissingExtraError: the package that registers it is not installed.
    """
    state = _states.setdefault(settings.game, ProcessState())
    with state.inside():
        creator = _find_creator(settings)
        env = _made(creator, settings, f"{settings.game} {settings.kwargs} {settings.image_key}")
    return GuardedWorld(env, state)


def _made(creator: Creator, settings: EnvSettings, key: str) -> Env:
    """Make the environment, and make it again for rendering if its observation is no picture."""
    who, given = settings.game, dict(settings.kwargs)
    asks = RENDER_MODE not in given and _takes(creator, RENDER_MODE)
    if (asks and key in _rendered) or (RENDER_MODE not in given and _requires(creator, RENDER_MODE)):
        return _rendering(creator, given, who)
    env = _call(creator, given, who)
    mode = read_attribute(env, RENDER_MODE, None)
    can_render = PICTURES in render_modes(env)
    if not asks or mode is not None or not can_render or find_view(_space(env), who, settings.image_key, True):
        return env
    _close(env, who)
    _rendered.add(key)
    return _rendering(creator, given, who)


def _close(env: Env, who: str) -> None:
    """Close the environment that does not render; log a warning if that fails."""
    try:
        env.close()
    except Exception as error:  # the user's method may raise anything, and the one that renders is made in any case
        logging.getLogger("rlvision").warning("%s could not be closed: %s", who, one_line(error))


def _rendering(creator: Creator, kwargs: dict[str, Any], who: str) -> Env:
    """Call the creator with a render mode; without it if something behind its ``**kwargs`` takes none."""
    try:
        env = _call(creator, {**kwargs, RENDER_MODE: PICTURES}, who)
    except TypeError as error:
        if RENDER_MODE not in str(error):
            raise
        return _call(creator, kwargs, who)
    if read_attribute(env, RENDER_MODE, None) is None:
        env.unwrapped.render_mode = PICTURES  # it takes the mode, and does not keep it
    return env


def _call(creator: Creator, kwargs: dict[str, Any], who: str) -> Env:
    """Call the creator, and refuse what it makes if that is no environment of Gymnasium."""
    if missing := [name for name in _parameters(creator) if name not in kwargs and _requires(creator, name)]:
        raise ConfigError(
            f"expected a value for {' and '.join(missing)}, which {who} takes, got none: name it in env.kwargs, as in "
            f"env.kwargs={{{missing[0]}: 5}}"
        )
    env: Env = creator(**kwargs)
    _require_env(env, who)
    _require_new_api(env, who)
    _require_another(env, who)
    return env


def _require_env(env: object, who: str) -> None:
    if isinstance(env, gymnasium.Env):
        return
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(env).__mro__]
    if any(kind.startswith("gym.") for kind in kinds):
        raise _old(who, f"{kinds[0]}, an environment of the package gym", "derive it from gymnasium.Env")
    raise EnvError(
        f"expected {who} to make a gymnasium.Env, got {kinds[0]}: derive the class from gymnasium.Env, which also "
        "gives it unwrapped, close and np_random"
    )


def _require_another(env: Env, who: str) -> None:
    """Refuse an environment that an earlier call has returned: two that share their state are no two games."""
    found = env.unwrapped
    is_lent = is_here(who) and getattr(kept_object(who, "env.game"), "lends", False)
    if _made_here.get(id(found)) is found and not is_lent:
        raise EnvError(
            f"expected another environment from each call of {who}, got the same one again: make it inside the "
            "function, or hand over the environment itself, which then trains alone"
        )
    _made_here[id(found)] = found


def _require_new_api(env: Env, who: str) -> None:
    """Refuse an environment whose ``reset`` takes no seed, or whose rendering is gym's before 0.26."""
    reset = type(env.unwrapped).reset
    if not (_takes(reset, "seed") or _takes(reset, "options")):
        remedy = "give it reset(self, *, seed=None, options=None) -> (observation, info) and a step of five values"
        raise _old(who, f"reset{_signature(reset)}", remedy)
    metadata = read_attribute(env, "metadata", {})
    if isinstance(metadata, Mapping) and "render.modes" in metadata and "render_modes" not in metadata:
        remedy = "name metadata['render_modes'], take render_mode in the constructor, and call render() without a mode"
        raise _old(who, "metadata['render.modes']", remedy)


def _old(who: str, got: str, remedy: str) -> EnvError:
    return EnvError(
        f"expected Gymnasium's interface from {who}, got {got}, {OLD_GYM}: {remedy}; or wrap it in "
        "shimmy.GymV21CompatibilityV0"
    )


def _space(env: Env) -> object:
    return read_attribute(env, "observation_space", None)


def _find_creator(settings: EnvSettings) -> Creator:
    """Return a callable that makes the environment with its time limit."""
    module_name, colon, rest = settings.game.rpartition(":") if ":" in settings.game else ("", "", settings.game)
    if not colon:
        return _of_registry(settings, _find_spec(settings.game))
    if is_here(settings.game):
        return _limited(kept_object(settings.game, "env.game"), settings.max_episode_steps)
    module = _import_module_of(module_name, settings.game)
    found = find_attribute(module, rest)
    if callable(found):
        return _limited(found, settings.max_episode_steps)
    if rest in gymnasium.registry or "-v" in rest:
        return _of_registry(settings, _find_spec(rest, f"{module_name}:"))
    file = getattr(module, "__file__", None) or "memory"
    raise ConfigError(
        f"expected an environment class or function {rest!r} in {module_name} ({file}), got "
        f"{'none' if found is None else type(found).__name__}: check the name behind the colon, and that this is "
        "the file you mean"
    )


def _limited(creator: Creator, max_episode_steps: int | None) -> Creator:
    """Return the creator with a time limit; its signature stays that of the user's own."""
    if max_episode_steps is None:
        return creator

    def limited(**kwargs: Any) -> Any:
        env = creator(**kwargs)
        return TimeLimit(env, max_episode_steps) if isinstance(env, gymnasium.Env) else env

    limited.__signature__ = _signature(creator)  # type: ignore[attr-defined]
    return limited


def _of_registry(settings: EnvSettings, spec: EnvSpec) -> Creator:
    """Return a callable that makes a registered environment; its signature is that of the entry point."""
    if spec.entry_point is None:
        raise ConfigError(f"expected an environment that can be made one by one, got {settings.game!r}: choose another")
    creator = (
        spec.entry_point
        if callable(spec.entry_point)
        else gymnasium.envs.registration.load_env_creator(spec.entry_point)
    )

    def registered(**kwargs: Any) -> Any:
        return gymnasium.make(spec, max_episode_steps=settings.max_episode_steps, disable_env_checker=True, **kwargs)

    registered.__signature__ = _with_defaults(_signature(creator), spec.kwargs)  # type: ignore[attr-defined]
    return registered


def _find_spec(name: str, home: str = "") -> EnvSpec:
    """Return the registered environment of this name.

    Args:
        name: the id.
        home: what stands before it, with the colon.

    Raises:
        MissingExtraError: the package that registers it is not installed.
        ConfigError: there is no such environment; the message has the nearest name.
    """
    for prefix, package in PLUGINS.items():
        if name.startswith(prefix):
            _import_plugin(name, package)
    try:
        return gymnasium.spec(name)
    except (gymnasium.error.UnregisteredEnv, ModuleNotFoundError) as error:
        stems = {known.partition("-v")[0]: known for known in gymnasium.registry}
        near = [stems[stem] for stem in get_close_matches(name.partition("-v")[0], stems, n=1, cutoff=0.7)]
        others = f"what a package registers goes by package:{name}, a class by package.module:EnvClass"
        hint = f"did you mean {home + near[0]!r}?" if near else others
        raise ConfigError(f"expected a registered Gymnasium id, got {name!r}: {hint}") from error


def _import_plugin(name: str, package: str) -> None:
    try:
        _import_module_of(package, name)
    except ConfigError as error:
        raise MissingExtraError(
            f"expected {package} for {name}, got: {error.__cause__}: pip install 'rlvision[{package}]'"
        ) from error


def _signature(creator: Creator) -> inspect.Signature:
    """Return the signature of a callable; of one that has none, that it takes anything."""
    try:
        return inspect.signature(creator)
    except (ValueError, TypeError):
        anything = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        return inspect.Signature([anything])


def _with_defaults(signature: inspect.Signature, defaults: Mapping[str, Any]) -> inspect.Signature:
    """Return a signature in which these arguments, which are given by name, have defaults."""
    given = [
        each.replace(default=defaults[name], kind=inspect.Parameter.KEYWORD_ONLY) if name in defaults else each
        for name, each in signature.parameters.items()
    ]
    return signature.replace(parameters=sorted(given, key=lambda each: each.kind))


def _parameters(creator: Creator) -> list[str]:
    """Return the names of the arguments of a callable that may be given by name."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, each in _signature(creator).parameters.items() if each.kind in by_name]


def _takes(creator: Creator, name: str) -> bool:
    """Return whether a callable takes an argument of this name."""
    parameters = _signature(creator).parameters.values()
    return any(each.name == name or each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


def _requires(creator: Creator, name: str) -> bool:
    """Return whether a callable has an argument of this name without a default."""
    found = _signature(creator).parameters.get(name)
    return found is not None and found.default is inspect.Parameter.empty and found.kind is not found.VAR_KEYWORD


def _import_module_of(name: str, game: str) -> ModuleType:
    """Import the module of a user's world.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        return import_user_module(name)
    except RLVisionError:  # says itself what to do
        raise
    except Exception as error:  # the user's module may raise anything
        raise ConfigError(
            f"expected {game!r} to be importable, package.module:EnvClass or package.module:Id-v0, got "
            f"{type(error).__name__} ({error}): {how_to_find(name, error)}"
        ) from error
