"""The settings of a run from what a Python program has: a world in any form, settings by keyword, and classes.

::

    config_of("pong", changes={"env_steps": 1e6, "agent": {"n_step": 5}})
    config_of(Catch, changes={"network": MyEncoder})       a class, found again by its import path
    config_of(lambda: Catch(size=7))                       what only this process has: object:lambda-5f3a91
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rlvision.config.fields import assemble
from rlvision.config.loading import compose_config, default_folder, load_config
from rlvision.config.presets import folder_name
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError, describe_value
from rlvision.core.object_names import name_object, own_name
from rlvision.core.user_code import HERE, is_here, keep_object
from rlvision.runs.main_guard import lines_of_unguarded

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec

    World = Config | str | os.PathLike[str] | EnvSpec | gymnasium.Env[Any, Any] | Callable[..., gymnasium.Env[Any, Any]]
    """A preset or a world: by name, as a class, as a function that makes it, or as one environment."""

CLASSES = {"agent": "name", "network": "encoder"}
"""Groups of settings that a class or a name may stand for -> the setting that holds it."""
OF_ONE_ENVIRONMENT = {"env.num_envs": 1, "env.num_workers": 0}
"""Settings of a run whose world is one environment."""
_instances: dict[Any, tuple[str, Any]] = {}
"""Environments of the user's own -> the name and the maker of each."""


ARGUMENTS = {"callback": "callbacks=[...]", "tracker": "trackers=[...]", "logger": "trackers=[...]"}
"""Names in other libraries of arguments that are no settings -> what to write."""


def config_of(
    world: World,
    settings: Mapping[str, Any] | None = None,
    preset: str | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    continues: bool = True,
) -> Config:
    """Return the settings of a run.

    Args:
        world: a preset, a world, or a complete configuration.
        settings: by dotted or nested name.
        preset: the preset for a world; None: `pixels` or `atari`, by its kind.
        changes: further settings, which win.
        continues: whether a run in the folder has a say, as in `load_config`.

    Raises:
        ConfigError: this is no world, or a setting cannot be used.
        EnvError: an environment cannot be copied, which evaluations need.
    """
    if settings is not None and not isinstance(settings, Mapping):
        raise ConfigError(
            f"expected settings as a dict, such as {{'agent.gamma': 0.9}}, got {describe_value(settings)}: hand over "
            "one, or keywords"
        )
    for name in (changes or {}).keys() & ARGUMENTS.keys():
        raise ConfigError(f"expected a setting, got {name}: did you mean {ARGUMENTS[name]}?")
    given = {**_named(settings or {}), **_named(changes or {})}
    if isinstance(world, Config):
        if given or preset is not None:
            raise ConfigError("expected a Config alone, got settings beside it: give them to rlvision.load_config")
        return world
    load = load_config if continues else compose_config
    if isinstance(world, (str, os.PathLike)) and preset is None:
        return load(os.fspath(world), given)
    of_world = named_world(world)
    _refuse_others(of_world, given)
    given = {**of_world, **given}
    if preset is not None and "out" not in given:
        seed = compose_config(preset, given).seed
        given["out"] = default_folder(folder_name(str(given["env.game"])), seed)
    return load(preset or given["env.game"], given)


def named_world(world: World) -> dict[str, Any]:
    """Return the settings that name a world.

    Raises:
        ConfigError: this is no world.
        EnvError: an environment cannot be copied.
    """
    import gymnasium
    from gymnasium.envs.registration import EnvSpec

    if isinstance(world, str):
        return {"env.game": world}
    if isinstance(world, gymnasium.Env):
        return _named_instance(world)
    if isinstance(world, EnvSpec):
        is_known = gymnasium.registry.get(world.id) is world
        called = own_name(partial(gymnasium.make, world.id, **world.kwargs))
        return {"env.game": world.id if is_known else keep_object(f"{HERE}:{called}", partial(gymnasium.make, world))}
    if not callable(world):
        raise ConfigError(
            "expected a preset, the name of a world, an environment class, a function that makes an environment, or "
            f"one environment, got {_kind(world)}: hand over one of these"
        )
    if isinstance(world, partial):
        return _named_partial(world)
    return {"env.game": name_object(world)}


def with_world(config: Config, world: World | None) -> Config:
    """Return the settings of a run for another world, which is seen as the run's is; None for the run's own."""
    if world is None:
        return config
    if isinstance(world, int):
        raise ConfigError(f"expected a world first, got the number {world}: write games={world}")
    of_world = {name: value for name, value in named_world(world).items() if name not in OF_ONE_ENVIRONMENT}
    return config if of_world == {"env.game": config.env.game} else assemble(config, {"env.kwargs": {}, **of_world})


def describe_objects(config: Config) -> tuple[str, ...]:
    """Return lines about the settings that other processes cannot use."""
    names = {"env.game": config.env.game, "network.encoder": config.network.encoder, "agent.name": config.agent.name}
    here = [
        f"{setting}={name} exists in this program alone: only it can continue this run or play it; a shell can, too, "
        "once it is in a module of its own"
        for setting, name in names.items()
        if is_here(name)
    ]
    return *here, *lines_of_unguarded(names.values())


def _named_instance(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    from rlvision.envs.one_environment import OneEnvironment

    if env not in _instances:  # later its values are those of a game
        name = own_name(env.unwrapped, wrapped_in=_wrappers(env))
        _instances[env] = f"{HERE}:{name if env.spec is None else f'{env.spec.id}-{name}'}", OneEnvironment(env)
    return {"env.game": keep_object(*_instances[env]), **OF_ONE_ENVIRONMENT}


def _wrappers(env: gymnasium.Env[Any, Any]) -> list[gymnasium.Env[Any, Any]]:
    """Return the wrappers around an environment, outermost first."""
    return [] if env is env.unwrapped else [env, *_wrappers(getattr(env, "env", env.unwrapped))]


def _named_partial(world: partial[Any]) -> dict[str, Any]:
    """Return the function and its arguments, if another process can make the same call; else name the object."""
    name = name_object(world.func)
    if is_here(name) or world.args or not _is_plain(world.keywords):
        return {"env.game": name_object(world)}
    return {"env.game": name, "env.kwargs": dict(world.keywords)}


def _refuse_others(of_world: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse settings that contradict the world."""
    for name, value in of_world.items():
        if name in given and given[name] != value:
            raise ConfigError(
                f"expected {name}={value!r} for the world {of_world['env.game']}, got {given[name]!r}: leave it "
                "out, or hand over a class or a function that makes the environment"
            )


def _named(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name, with names in the place of objects, and plain values in the place of numpy's."""
    dotted: dict[str, Any] = {}
    for group, value in settings.items():
        name = group.replace("-", "_")
        if name in CLASSES and not isinstance(value, Mapping):
            name, value = f"{name}.{CLASSES[name]}", value
        inside = value.items() if isinstance(value, Mapping) and "." not in name else [(None, value)]
        dotted |= {name if key is None else f"{name}.{key}": each for key, each in inside}
    named = {name: _plain(name, value) for name, value in dotted.items()}
    game = named.pop("env.game", None)
    return named if game is None else {**named, **named_world(game)}


def _plain(name: str, value: Any) -> Any:
    if name in ("agent.name", "network.encoder") and not isinstance(value, str):
        return name_object(value)
    if isinstance(value, np.generic):
        return value.item()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _is_plain(value: object) -> bool:
    """Return whether a file of settings can hold a value."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _kind(found: object) -> str:
    return f"{type(found).__module__}.{type(found).__qualname__}"
