"""Configurations: load them from presets, save and read them as files, and compare them.

Example:
    >>> config = load_config("pong", {"env_steps": 1000, "agent.epochs": 3})
    >>> config.out, config.agent.epochs
    ('runs/pong-seed1', 3)
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, make_dataclass, replace
from keyword import iskeyword
from pathlib import Path
from typing import Any, NamedTuple, cast

from rlvision.config.continuing import AUTO, may_take, numbered_folders
from rlvision.config.field_types import short_repr
from rlvision.config.fields import assemble, flatten, named_values, nest, settings_of
from rlvision.config.other_agents import settings_of_others, used_settings, warn_of_idle, without_idle
from rlvision.config.presets import preset_for, unreadable
from rlvision.config.schema import Config, defaults_for
from rlvision.config.strict_yaml import dump as dump_yaml
from rlvision.config.strict_yaml import parse as parse_yaml
from rlvision.config.validation import CHAPTER_SETTINGS, DN_SETTINGS, validate_config
from rlvision.config.world_defaults import for_another_game, with_world_defaults
from rlvision.core.errors import ConfigError, RLVisionError
from rlvision.core.files import read_text, write_atomically
from rlvision.core.paths import AnyPath, as_path
from rlvision.learning.registry import default_settings
from rlvision.learning.settings import AgentSettings
from rlvision.nn.norm_variants import resolve_momentum
from rlvision.replay.settings import ReplaySettings

ENCODER_SETTINGS = {"network.kwargs", *(f"network.{name}" for name in (*CHAPTER_SETTINGS, *DN_SETTINGS))}
"""Settings of the layers inside an encoder, by dotted name."""
CONFIG_FILE = "config.yaml"
"""File with the settings of a run, in its folder."""
LARGEST = 2**20
"""Maximum size of a settings file in bytes."""
HEADER = "# All settings of this run, defaults included. rlvision train --help explains them.\n"


def load_config(preset: AnyPath, overrides: Mapping[str, Any] | None = None) -> Config:
    """Return a complete configuration: the defaults, changed by a preset, changed by overrides.

    A preset's settings of the encoder's layers apply to the preset's encoder only. If the overrides choose another
    encoder, these settings return to their defaults. So do the settings that suit the preset's game alone, if the
    overrides choose another (`rlvision.config.world_defaults`). Another agent keeps the preset's values of the settings
    that both agents have. Overrides that only other agents have are without effect (`rlvision.config.other_agents`).

    Args:
        preset: Name of a preset (see `rlvision.config.presets.known_presets`), path of a YAML file like it, or the name
            of a world, which stands for the preset `atari` or `pixels` with that world.
        overrides: Values by dotted name, ``{"agent.double": False}``, or nested, ``{"agent": {"double": False}}``.

    Returns:
        The configuration. ``out`` defaults to ``runs/PRESET-seedSEED``, and under a W&B agent to
        ``runs/sweep-SWEEP/RUN``; ``auto`` adds a number where another run has that folder. What else is unset is
        filled in by `fill_unset`. ``env_steps`` is that of the run in the folder, unless the overrides choose it: only
        a chosen length makes a run longer.

    Raises:
        ConfigError: A name is unknown, a value cannot be used, or two values cannot be used together.
    """
    config, chosen, idle, default_folder = _composed(preset, overrides)
    named = "env_steps" in chosen
    if config.out == AUTO:
        config = _in_numbered_folder(config, Path(default_folder), named)
    else:
        config = _in_folder(config, config.out or default_folder, named)
    validate_config(config)
    warn_of_idle(config, idle)
    return config


def compose_config(preset: AnyPath, overrides: Mapping[str, Any] | None = None) -> Config:
    """Return the configuration of `load_config` as it is without a run in its folder.

    Raises:
        ConfigError: As in `load_config`.
    """
    config, _, _, default_folder = _composed(preset, overrides)
    config = _with_own_defaults(replace(config, out=config.out or default_folder))
    validate_config(config)
    return config


def settings_for(preset: str | None, agent: str | None) -> Config:
    """Return the configuration whose settings a command line may change; its values are the defaults.

    Args:
        preset: As in `load_config`; None for no preset.
        agent: Name of the agent that the command line chooses; None for the preset's.

    Raises:
        ConfigError: There is no such preset or agent.
    """
    config = Config() if preset is None else compose_config(preset)
    return config if agent is None else _with_agent(config, agent)


def read_config(path: AnyPath, *, trusts: Callable[[str], bool] = lambda agent: False) -> Config:
    """Read a file that `save_config` wrote, with the checks of `load_config`.

    Args:
        path: Of the file.
        trusts: Whether an agent that the file names by import path may be imported.

    Raises:
        ConfigError: The file cannot be read, or a setting in it cannot be used.
        CheckpointError: It is a link, not a regular file, or too large.
    """
    try:
        text = read_text(as_path(path), LARGEST)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    tree, source = _mapping(text, str(path)), str(path)
    config = _with_own_defaults(_changed(defaults_of(tree, source, trusts), tree, source))
    validate_config(config)
    return config


def defaults_of(tree: Mapping[Any, Any], source: str, trusts: Callable[[str], bool]) -> Config:
    """Return the defaults that a file of settings changes, including those of the agent that it names.

    The settings of an agent that may not be imported are unchecked plain values. They can be shown and compared, but
    the agent cannot be made from them.

    Args:
        tree: The settings in the file.
        source: Origin of the tree, for error messages.
        trusts: Whether an agent that is named by import path may be imported.

    Raises:
        ConfigError: There is no such agent.
    """
    name = agent_named(tree, source, AgentSettings().name)
    if ":" in name and not trusts(name):
        return Config(agent=_opaque_settings(name, tree, source))
    return defaults_for(default_settings(name))


def save_config(config: Config, path: AnyPath) -> None:
    """Write every setting that the agent has to ``path`` atomically."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in flatten_used(config).items()}
    write_atomically(as_path(path), (HEADER + dump_yaml(nest(values))).encode())


def flatten_used(config: Config) -> dict[str, Any]:
    """Return the settings that the agent has, by dotted name: those of a replay only if it has one."""
    return {name: setting.default for name, setting in used_settings(config).items()}


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Return the settings in which two configurations differ: dotted name -> (old value, new value).

    A setting that only one of the two agents has is None for the other.
    """
    before, after = flatten_used(old), flatten_used(new)
    return {name: (before.get(name), after.get(name)) for name in before | after if before.get(name) != after.get(name)}


def fill_unset(config: Config) -> Config:
    """Fill in the unset settings that follow from others, so that files show the numbers and comparisons use them.

    ``network.momentum`` is that of the norm. ``env.height`` and ``env.width`` are those of the run in ``config.out``,
    so that the same command continues it; without a run there, they are the encoder's own size.
    """
    stored = None if config.out is None else _stored(config.out, config.agent.name)
    return _with_own_defaults(_with_size(config, stored.env.height, stored.env.width) if stored else config)


class _Composed(NamedTuple):
    config: Config
    chosen: Mapping[str, Any]  # the checked overrides, by dotted name
    idle: Sequence[str]  # names of overrides that the agent does not have
    default_folder: str


def _composed(preset: AnyPath, overrides: Mapping[str, Any] | None) -> _Composed:
    """Return the defaults changed by a preset and by overrides."""
    found, of_world = preset_for(os.fspath(preset))
    overrides, source = {**of_world, **(overrides or {})}, f"preset {preset}"
    tree = _mapping(found.text, source)
    config = _changed(defaults_of(tree, source, lambda agent: True), tree, source)
    config = _with_agent(config, agent_named(overrides, "the overrides", config.agent.name))
    named = named_values(overrides, settings_of(config), "the overrides", settings_of_others())
    chosen, idle = without_idle(config, named)
    config = for_another_game(config, chosen.get("env.game", config.env.game))
    if chosen.get("network.encoder", config.network.encoder) != config.network.encoder:
        config = assemble(config, {key: value for key, value in flatten(Config()).items() if key in ENCODER_SETTINGS})
    config = assemble(config, chosen)
    return _Composed(config, chosen, idle, default_folder(found.name, config.seed))


def _in_folder(config: Config, folder: str, lengthened: bool) -> Config:
    """Fill in what is unset from the run in a folder, and its length too, unless a length was chosen."""
    config = fill_unset(replace(config, out=folder))
    stored = _stored(folder, config.agent.name)
    return config if lengthened or stored is None else replace(config, env_steps=stored.env_steps)


def _in_numbered_folder(config: Config, default: Path, lengthened: bool) -> Config:
    """Choose the first numbered folder that is free, or has a run of these settings, which then continues."""
    placed = (_in_folder(config, str(folder), lengthened) for folder in numbered_folders(default))
    return next(config for config in placed if _may_train(config, Path(str(config.out))))


def _may_train(config: Config, folder: Path) -> bool:
    stored = _stored(folder, config.agent.name)
    return may_take(folder, None if stored is None else differences(stored, config))


def _stored(folder: AnyPath, agent: str) -> Config | None:
    """Return the settings of the run in a folder; None without a run, or with a damaged one, which training refuses."""
    with suppress(RLVisionError):
        return read_config(as_path(folder) / CONFIG_FILE, trusts=lambda name: name == agent)
    return None


def _with_own_defaults(config: Config) -> Config:
    """Fill in the default momentum of the norm and the own size of the encoder; drop a replay that the agent lacks."""
    network = config.network
    if not config.agent.uses_replay:
        config = replace(config, replay=ReplaySettings())
    config = replace(config, env=with_world_defaults(config.env))
    config = assemble(config, {"network.momentum": resolve_momentum(network.norm, network.momentum)})
    return _with_size(config, network.own_size, network.own_size)


def _with_size(config: Config, height: int | None, width: int | None) -> Config:
    """Fill in the size of the frames where it is unset."""
    unset = {"env.height": height, "env.width": width}
    return assemble(config, {name: size for name, size in unset.items() if flatten(config)[name] is None})


def agent_named(tree: Mapping[Any, Any], source: str, otherwise: str) -> str:
    """Return the agent that nested or dotted settings name, or ``otherwise`` if they name none.

    Raises:
        ConfigError: The name is not text.
    """
    group = tree.get("agent")
    name = tree.get("agent.name", group.get("name") if isinstance(group, Mapping) else None)
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"expected agent.name in {source} to be text, got {short_repr(name)}: name an agent")
    return otherwise if name is None else name


def _with_agent(config: Config, name: str) -> Config:
    """Switch to another agent; it keeps the changed settings that both have, with the same type."""
    if name == config.agent.name:
        return config
    other, old, default = default_settings(name), settings_of(config.agent), flatten(defaults_for(config.agent).agent)
    kept = {
        field: old[field].default
        for field, setting in settings_of(other).items()
        if field != "name" and field in old and setting.hint == old[field].hint and old[field].default != default[field]
    }
    return replace(config, agent=replace(other, **kept))


def _opaque_settings(name: str, tree: Mapping[Any, Any], source: str) -> AgentSettings:
    """Return the settings of an agent that may not be imported, with unchecked values."""
    group = tree.get("agent", {})
    if not isinstance(group, Mapping):
        raise ConfigError(f"expected agent in {source} to be a group, got {short_repr(group)}: give the settings in it")
    dotted = {str(key).removeprefix("agent."): tree[key] for key in tree if str(key).startswith("agent.")}
    named = {str(key).replace("-", "_"): value for key, value in {**group, **dotted}.items() if key != "name"}
    if strange := [key for key in named if not key.isidentifier() or iskeyword(key) or key.startswith("__")]:
        raise ConfigError(
            f"expected names of settings under agent in {source}, got {short_repr(strange[0])}: correct it"
        )
    own = [(key, dict[str, Any] | str | float | bool | None, field(default=None)) for key in named]
    opaque = make_dataclass("OpaqueSettings", own, bases=(AgentSettings,), frozen=True, kw_only=True)
    return cast(AgentSettings, opaque(name=name, **named))


def default_folder(preset: str, seed: int) -> str:
    """Return the default run folder; a W&B agent may try one seed many times, so its runs have W&B's names."""
    sweep, run = os.environ.get("WANDB_SWEEP_ID"), os.environ.get("WANDB_RUN_ID")
    return f"runs/sweep-{sweep}/{run}" if sweep and run else f"runs/{preset}-seed{seed}"


def _changed(config: Config, tree: Mapping[Any, Any], source: str) -> Config:
    return assemble(config, named_values(tree, settings_of(config), source))


def _mapping(text: str, source: str) -> Mapping[Any, Any]:
    tree = parse_yaml(text, source)
    if tree is not None and not isinstance(tree, Mapping):
        raise ConfigError(
            f"expected {source} to be a mapping of settings, got {short_repr(tree)}: write name: value lines"
        )
    return tree or {}
