"""Configuration: all settings put together, presets, loading, validation, arguments."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.config.arguments import call as call
    from rlvision.config.arguments import option as option
    from rlvision.config.arguments import option_values as option_values
    from rlvision.config.arguments import parameters as parameters
    from rlvision.config.arguments import sort_arguments as sort_arguments
    from rlvision.config.arguments import switches_of as switches_of
    from rlvision.config.continuing import AUTO as AUTO
    from rlvision.config.continuing import Changes as Changes
    from rlvision.config.continuing import list_changes as list_changes
    from rlvision.config.continuing import refusal as refusal
    from rlvision.config.continuing import refused_changes as refused_changes
    from rlvision.config.field_types import check as check
    from rlvision.config.field_types import format_value as format_value
    from rlvision.config.field_types import is_plain as is_plain
    from rlvision.config.field_types import placeholder as placeholder
    from rlvision.config.field_types import short_repr as short_repr
    from rlvision.config.fields import Setting as Setting
    from rlvision.config.fields import assemble as assemble
    from rlvision.config.fields import checked as checked
    from rlvision.config.fields import flatten as flatten
    from rlvision.config.fields import named_values as named_values
    from rlvision.config.fields import nearest as nearest
    from rlvision.config.fields import nest as nest
    from rlvision.config.fields import settings_of as settings_of
    from rlvision.config.fields import short as short
    from rlvision.config.fields import short_name as short_name
    from rlvision.config.fields import unknown as unknown
    from rlvision.config.loading import CONFIG_FILE as CONFIG_FILE
    from rlvision.config.loading import compose_config as compose_config
    from rlvision.config.loading import default_folder as default_folder
    from rlvision.config.loading import defaults_of as defaults_of
    from rlvision.config.loading import differences as differences
    from rlvision.config.loading import fill_unset as fill_unset
    from rlvision.config.loading import flatten_used as flatten_used
    from rlvision.config.loading import load_config as load_config
    from rlvision.config.loading import read_config as read_config
    from rlvision.config.loading import save_config as save_config
    from rlvision.config.loading import settings_for as settings_for
    from rlvision.config.other_agents import settings_of_others as settings_of_others
    from rlvision.config.other_agents import used_settings as used_settings
    from rlvision.config.presets import SUFFIXES as SUFFIXES
    from rlvision.config.presets import folder_name as folder_name
    from rlvision.config.presets import known_presets as known_presets
    from rlvision.config.presets import preset_for as preset_for
    from rlvision.config.presets import read_text as read_text
    from rlvision.config.schema import CheckpointName as CheckpointName
    from rlvision.config.schema import CheckpointSettings as CheckpointSettings
    from rlvision.config.schema import Config as Config
    from rlvision.config.schema import default_agent as default_agent
    from rlvision.config.schema import defaults_for as defaults_for
    from rlvision.config.strict_yaml import parse as parse
    from rlvision.config.validation import unused_settings as unused_settings
    from rlvision.config.validation import validate_config as validate_config

__getattr__, __all__ = public_names(
    __name__,
    {
        "arguments": ["call", "option", "option_values", "parameters", "sort_arguments", "switches_of"],
        "continuing": ["AUTO", "Changes", "list_changes", "refusal", "refused_changes"],
        "field_types": ["check", "format_value", "is_plain", "placeholder", "short_repr"],
        "fields": [
            "Setting",
            "assemble",
            "checked",
            "flatten",
            "named_values",
            "nearest",
            "nest",
            "settings_of",
            "short",
            "short_name",
            "unknown",
        ],
        "loading": [
            "CONFIG_FILE",
            "compose_config",
            "default_folder",
            "defaults_of",
            "differences",
            "fill_unset",
            "flatten_used",
            "load_config",
            "read_config",
            "save_config",
            "settings_for",
        ],
        "other_agents": ["settings_of_others", "used_settings"],
        "presets": ["SUFFIXES", "folder_name", "known_presets", "preset_for", "read_text"],
        "schema": ["CheckpointName", "CheckpointSettings", "Config", "default_agent", "defaults_for"],
        "strict_yaml": ["parse"],
        "validation": ["unused_settings", "validate_config"],
    },
)
