"""``export.json``: the settings to play with the weights of an export, and a record of their training.

Schema 2::

    schema        2
    env           the settings of `rlvision.envs.settings.EnvSettings` that decide what is seen and played
    network       those of `rlvision.nn.settings.NetworkSettings`
    evaluation    epsilon, max_frames, max_idle_frames: how whole games are scored
    agent         the settings of the agent that makes the network, if the default agent makes another one;
                  else empty
    spec          observation_shape (C, H, W), frame_channels, action_meanings, frameskip
    weights       sha256 of model.safetensors; layout: "chapter" (it loads into the class on the card) or "network"
    env_steps     decisions that the weights were trained for
    training      seed, frames and settings of the training, for people only
    scores        evaluations from `rlvision.evaluation.report.Report.to_dict`, for people only
    versions      of the software that made it, for people only

A missing setting has its default. A setting that a later release adds must have a default that changes nothing. Renamed
or changed settings need a new schema, and a conversion here from the old one. Schema 1 had no ``agent``, and other
names for some settings.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import MinLen

from rlvision.config.field_types import check, short_repr
from rlvision.config.fields import assemble, flatten, named_values, nest, settings_of
from rlvision.config.loading import defaults_of
from rlvision.config.schema import Config, default_agent
from rlvision.config.validation import validate_config
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.files import read_text
from rlvision.core.ranges import NonEmptyStr, NonNegativeInt, PositiveInt
from rlvision.core.types import EnvSpec

MANIFEST = "export.json"
SCHEMA = 2
LARGEST = 2**24
"""Maximum size of the file in bytes."""
GROUPS = ("env", "network", "evaluation", "agent")
"""Groups of settings that decide how the agent sees and plays."""
NOT_EXPORTED = (
    "env.num_envs",
    "env.num_workers",
    "env.reseed_after",
    "env.step_timeout",
    "env.max_restarts",
    "network.noisy",
    "network.init",
    "evaluation.games",
    "evaluation.patience",
    "evaluation.target_score",
    "evaluation.promising_score",
)
"""Settings of those groups that only training needs; the network of an export has no noise."""

Digest = Annotated[str, MinLen(64)]
Layout = Literal["chapter", "network"]
_SPEC: Mapping[str, Any] = {
    "observation_shape": tuple[PositiveInt, PositiveInt, PositiveInt],
    "frame_channels": PositiveInt,
    "action_meanings": tuple[NonEmptyStr, ...],
    "frameskip": PositiveInt,
}
_KEYS: Mapping[str, Any] = {
    "schema": int,
    **dict.fromkeys((*GROUPS, "spec", "weights"), dict),
    "env_steps": NonNegativeInt,
    "training": dict,
    "scores": tuple[dict[str, Any], ...],
    "versions": dict,
}
_REMEDY = "fetch the export again"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of an ``export.json``."""

    config: Config
    spec: EnvSpec
    sha256: str
    layout: Layout
    env_steps: int
    training: Mapping[str, Any]
    scores: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, Any]

    def to_json(self) -> bytes:
        """Return the content of the file."""
        spec = {name: getattr(self.spec, name) for name in _SPEC}
        tree = {
            "schema": SCHEMA,
            "agent": {},
            **nest(exported_settings(self.config)),
            "spec": spec,
            "weights": {"sha256": self.sha256, "layout": self.layout},
            "env_steps": self.env_steps,
            "training": self.training,
            "scores": self.scores,
            "versions": self.versions,
        }
        return json.dumps(tree, indent=1, allow_nan=False).encode() + b"\n"


def exported_settings(config: Config) -> dict[str, Any]:
    """Return the settings that decide how an agent sees and plays, by dotted name; none of ``agent`` if default."""
    played = {name: value for name, value in flatten(config).items() if _is_exported(name)}
    if config.agent == default_agent():
        return {name: value for name, value in played.items() if not name.startswith("agent.")}
    return played


def read_manifest(path: Path, *, trusts: Callable[[str], bool] = lambda agent: False) -> Manifest:
    """Read and check an ``export.json``.

    Args:
        path: of the file.
        trusts: whether an agent that it names by import path may be imported.

    Raises:
        CheckpointError: the file is missing, damaged or of another schema.
        ConfigError: a setting in it cannot be used.
    """
    tree = _checked(_of_schema_2(_read(path)), _KEYS, str(path))
    spec = EnvSpec(num_envs=1, **_checked(tree["spec"], _SPEC, f"spec in {path}"))
    config = _config(tree, path, trusts)
    _require_consistent(config, spec, path)
    weights = _checked(tree["weights"], {"sha256": Digest, "layout": Layout}, f"weights in {path}")
    return Manifest(config, spec, *weights.values(), *(tree[name] for name in list(_KEYS)[-4:]))


def _read(path: Path) -> Mapping[str, Any]:
    """Return the JSON object in the file, after a check of its schema."""
    try:
        tree = json.loads(read_text(path, LARGEST))
    except OSError as error:
        raise CheckpointError(f"expected an export with {path}, got {error.strerror}: check the path") from error
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"expected {path} to be JSON, got other text ({reason}): {_REMEDY}") from error
    if not isinstance(tree, Mapping) or "schema" not in tree:
        raise CheckpointError(f"expected {path} to be an object with a schema, got {short_repr(tree)}: {_REMEDY}")
    if tree["schema"] not in (1, SCHEMA):
        got = short_repr(tree["schema"])
        raise CheckpointError(
            f"expected {path} of schema {SCHEMA}, got {got}: use the release of rlvision that made it"
        )
    return tree


NAMES_OF_SCHEMA_1 = {"zero_head": "zero_init_head"}
"""Settings of the network: name in schema 1 -> name now."""


def _of_schema_2(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Convert an export of schema 1 to schema 2."""
    if tree["schema"] != 1 or not isinstance(tree.get("network"), Mapping):
        return tree
    network = {NAMES_OF_SCHEMA_1.get(name, name): value for name, value in tree["network"].items()}
    return {**tree, "network": network, "agent": {}}


def _checked(tree: Mapping[str, Any], hints: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the checked values of exactly these keys, in their order."""
    missing, extra = (sorted(map(str, keys)) for keys in (hints.keys() - tree.keys(), tree.keys() - hints.keys()))
    if missing or extra:
        got = " and ".join([*(f"no {name}" for name in missing), *(short_repr(name) for name in extra)])
        raise CheckpointError(f"expected the keys {', '.join(hints)} in {source}, got {got}: {_REMEDY}")
    return {name: check(f"{name} in {source}", tree[name], hint, _REMEDY) for name, hint in hints.items()}


def _config(tree: Mapping[str, Any], path: Path, trusts: Callable[[str], bool]) -> Config:
    defaults = defaults_of(tree, str(path), trusts)
    settings = {name: setting for name, setting in settings_of(defaults).items() if _is_exported(name)}
    if "game" not in tree["env"]:
        raise CheckpointError(f"expected env.game in {path}, got none: {_REMEDY}")
    values = named_values({group: tree[group] for group in GROUPS}, settings, str(path))
    config = assemble(defaults, values)
    validate_config(config)
    return config


def _is_exported(name: str) -> bool:
    return name.partition(".")[0] in GROUPS and name not in NOT_EXPORTED


def _require_consistent(config: Config, spec: EnvSpec, path: Path) -> None:
    """Refuse a spec that contradicts the settings of the environment."""
    env, channels = config.env, 1 if config.env.gray else 3
    expected = (channels, (env.stack * channels, env.height, env.width), env.frameskip)
    got = (spec.frame_channels, spec.observation_shape, spec.frameskip)
    if expected != got:
        raise ConfigError(
            f"expected frame_channels, observation_shape and frameskip in {path} to be {expected}, as its env has "
            f"them, got {got}: {_REMEDY}"
        )
