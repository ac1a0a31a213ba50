"""Settings by their dotted names: the flat table behind preset files, the command line and Python."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from rlvision.config.field_types import check, choices, format_value, short_repr
from rlvision.config.foreign_names import translate
from rlvision.core.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting with its type and default value."""

    name: str  # dotted, such as agent.double
    hint: Any
    default: Any


def settings_of(instance: Any, prefix: str = "") -> dict[str, Setting]:
    """Return the leaves of a nested dataclass by dotted name, in order; their defaults are the instance's values."""
    hints = get_type_hints(type(instance), include_extras=True)
    table: dict[str, Setting] = {}
    for field in fields(instance):
        name, value = prefix + field.name, getattr(instance, field.name)
        leaf = {name: Setting(name, hints[field.name], value)}
        table |= settings_of(value, f"{name}.") if is_dataclass(value) else leaf
    return table


def flatten(instance: Any) -> dict[str, Any]:
    """Return the values of a nested dataclass by dotted name."""
    return {name: setting.default for name, setting in settings_of(instance).items()}


def assemble(template: T, values: Mapping[str, Any], prefix: str = "") -> T:
    """Return a copy of a nested dataclass with some values replaced, given by dotted name."""
    changes: dict[str, Any] = {}
    for field in fields(template):
        name, value = prefix + field.name, getattr(template, field.name)
        is_group = is_dataclass(value)
        changes[field.name] = assemble(value, values, f"{name}.") if is_group else values.get(name, value)
    return replace(template, **changes)


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into nested dicts: ``{"agent.double": True}`` becomes ``{"agent": {"double": True}}``."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *groups, leaf = name.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = value
    return tree


NO_SETTINGS: Mapping[str, Setting] = MappingProxyType({})
"""No settings, by dotted name."""


def named_values(
    tree: Mapping[Any, Any], settings: Mapping[str, Setting], source: str, others: Mapping[str, Setting] = NO_SETTINGS
) -> dict[str, Any]:
    """Return checked values by dotted name, from nested or dotted keys with hyphens or underscores.

    Args:
        tree: Settings from a preset file or a Python caller.
        settings: The settings that exist.
        source: Origin of the tree, for error messages.
        others: Settings that may be named as well; they are proposed where none of ``settings`` is meant.

    Raises:
        ConfigError: A name is unknown or given twice, or a value cannot be used.
    """
    values: dict[str, Any] = {}
    accepted = {**others, **settings}
    for name, value in _leaves(tree, accepted, ""):
        if name not in accepted:
            proposed = settings if translate(name, settings) else accepted
            raise unknown(f"a setting in {source}", name, proposed, "rlvision train --help lists all settings")
        if name in values:
            raise ConfigError(f"expected {name} once in {source}, got it twice: keep one of them")
        values[name] = checked(accepted[name], value, f"{name} in {source}")
    return values


def checked(setting: Setting, value: Any, shown_as: str) -> Any:
    """Check and convert the value of a setting; the ConfigError of a bad value calls the setting ``shown_as``."""
    near = nearest(str(value), choices(setting.hint))
    remedy = f"did you mean {near}?" if near else f"set another value, the default is {format_value(setting.default)}"
    return check(shown_as, value, setting.hint, remedy)


def unknown(what: str, name: str, known: Iterable[str], otherwise: str) -> ConfigError:
    """Return the error for an unknown name, which suggests the nearest known one.

    Args:
        what: The thing expected, such as "a preset".
        name: The unknown name.
        known: The names that exist.
        otherwise: The remedy if no known name is near.
    """
    near = nearest(name, known)
    return ConfigError(f"expected {what}, got {short_repr(name)}: {f'did you mean {near}?' if near else otherwise}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most likely meant: one that `translate` finds, else one of similar letters."""
    names = list(known)
    if found := translate(name, names):
        return found.name
    return next(iter(get_close_matches(name, names, n=1)), None)


def short_name(name: str, names: Iterable[str]) -> str:
    """Return the last part of a dotted name; the whole name if two of ``names`` share that part."""
    leaf = name.rpartition(".")[2]
    return leaf if sum(other.rpartition(".")[2] == leaf for other in names) == 1 else name


def short(value: Any) -> str:
    """Return a value as short text: a float has four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else format_value(value)


def _leaves(tree: Mapping[Any, Any], settings: Mapping[str, Setting], prefix: str) -> Iterable[tuple[str, Any]]:
    """Yield dotted names and their values; a mapping is entered only if it has the name of a group."""
    for key, value in tree.items():
        name = prefix + str(key).replace("-", "_")
        is_group = any(known.startswith(f"{name}.") for known in settings)
        if is_group and not isinstance(value, Mapping):
            first = next(known for known in settings if known.startswith(f"{name}."))
            raise ConfigError(
                f"expected {name} to be a group, got {short_repr(value)}: name a setting, such as {first}"
            )
        yield from _leaves(value, settings, f"{name}.") if is_group else [(name, value)]
