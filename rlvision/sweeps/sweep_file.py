"""Sweep files in YAML, which work with both ``rlvision sweep`` and W&B's agents."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from rlvision.config.arguments import option_values, sort_arguments, switches_of
from rlvision.config.field_types import short_repr
from rlvision.config.fields import Setting, nearest, settings_of, unknown
from rlvision.config.loading import settings_for
from rlvision.config.presets import SUFFIXES, read_text
from rlvision.config.schema import Config
from rlvision.config.strict_yaml import parse as parse_yaml
from rlvision.core.errors import ConfigError
from rlvision.core.paths import AnyPath
from rlvision.sweeps.distributions import Domain, read_domain
from rlvision.tracking.metrics import METRICS

KEYS = ("program", "method", "metric", "parameters", "command", "name", "description", "project", "entity", "run_cap")
PROGRAM, ARGUMENTS = "${program}", "${args}"
COMMAND = "command: [${env}, ${interpreter}, ${program}, PRESET, ${args}]"


@dataclass(frozen=True, slots=True)
class Metric:
    """The metric that ranks the runs of a sweep."""

    name: str
    goal: Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class Sweep:
    """The settings to try, and the metric that ranks them."""

    name: str
    preset: str
    fixed: Mapping[str, Any]  # settings by dotted name, the same in every run
    method: Literal["grid", "random"]
    metric: Metric
    parameters: Mapping[str, Domain]  # by dotted name
    run_cap: int | None  # largest number of runs


def read_sweep(name: AnyPath) -> Sweep:
    """Read the built-in sweep called ``name``, or the file of that path.

    Raises:
        ConfigError: there is no such sweep, or its file is invalid; the message says why.
    """
    path, text = _find(os.fspath(name))
    source = f"sweep {path.name}"
    tree = parse_yaml(text, source)
    if not isinstance(tree, Mapping):
        raise ConfigError(f"expected {source} to be a mapping, got {short_repr(tree)}: see configs/sweeps/quick.yaml")
    _require_known(tree, KEYS, f"a key of {source}")
    _require_our_program(tree.get("program"), source)
    preset, fixed = _read_command(tree.get("command"), source)
    return Sweep(
        name=path.stem,
        preset=preset,
        fixed=fixed,
        method=_read_method(tree.get("method"), source),
        metric=_read_metric(tree.get("metric", {"name": "evaluate/mean"}), source),
        parameters=_read_parameters(tree.get("parameters"), preset, fixed, source),
        run_cap=_read_cap(tree.get("run_cap"), source),
    )


def _find(name: str) -> tuple[Path, str]:
    if name.endswith(SUFFIXES) or "/" in name:
        return Path(name), read_text(name)
    entries = files("rlvision.configs").joinpath("sweeps").iterdir()
    known = {Path(entry.name).stem: entry for entry in entries if entry.name.endswith(SUFFIXES)}
    if name not in known:
        raise unknown(f"a sweep ({', '.join(sorted(known))}) or a YAML file", name, known, "name one of them")
    return Path(known[name].name), known[name].read_text(encoding="utf-8")


def _require_known(tree: Mapping[str, Any], keys: Iterable[str], what: str) -> None:
    for key in tree:
        if key == "early_terminate":
            raise ConfigError(f"expected {what}, got early_terminate, which needs W&B's server: leave it out")
        if key not in keys:
            raise unknown(what, str(key), keys, f"it takes {', '.join(keys)}")


def _require_our_program(program: Any, source: str) -> None:
    if not isinstance(program, str) or Path(program).name != "train.py":
        raise ConfigError(f"expected program: train.py in {source}, got {short_repr(program)}: write it so")


def _read_command(command: Any, source: str) -> tuple[str, Mapping[str, Any]]:
    """Return the preset and the fixed settings, which the command has between the program and the sweep's arguments."""
    if not isinstance(command, list) or not {PROGRAM, ARGUMENTS} <= {*map(str, command)}:
        raise ConfigError(f"expected the command of a run in {source}, got {short_repr(command)}: write {COMMAND}")
    words = [str(word) for word in command]
    ours = [word for word in words[words.index(PROGRAM) + 1 :] if word != ARGUMENTS]
    given = sort_arguments(ours, switches_of(settings_of(Config())))
    if len(given.positional) != 1:
        got = " ".join(given.positional) or "none"
        raise ConfigError(f"expected one preset after {PROGRAM} in {source}, got {got}: write {COMMAND}")
    preset = given.positional[0]
    settings = settings_of(settings_for(preset, given.options.get("--agent.name")))
    return preset, option_values(given.options, settings, "rlvision train")


def _read_method(method: Any, source: str) -> Literal["grid", "random"]:
    if method not in ("grid", "random"):
        near = "bayes needs W&B's server: `wandb sweep`" if method == "bayes" else "choose one of them"
        raise ConfigError(f"expected method: grid or random in {source}, got {short_repr(method)}: {near}")
    return "grid" if method == "grid" else "random"


def _read_metric(metric: Any, source: str) -> Metric:
    if not isinstance(metric, Mapping) or metric.get("name") not in METRICS:
        got = metric.get("name") if isinstance(metric, Mapping) else metric
        near = nearest(str(got), METRICS) or "evaluate/best"
        raise ConfigError(
            f"expected metric.name of {source} to be a metric, got {short_repr(got)}: did you mean {near}?"
        )
    _require_known(metric, ("name", "goal"), f"a key of metric in {source}")
    goal = metric.get("goal", "maximize")
    if goal not in ("maximize", "minimize"):
        raise ConfigError(
            f"expected metric.goal of {source} to be maximize or minimize, got {short_repr(goal)}: choose one"
        )
    return Metric(metric["name"], goal)


def _read_parameters(parameters: Any, preset: str, fixed: Mapping[str, Any], source: str) -> dict[str, Domain]:
    if not isinstance(parameters, Mapping) or not parameters:
        raise ConfigError(
            f"expected parameters in {source}, got {short_repr(parameters)}: name settings and their values"
        )
    settings = _settings_of_agents(parameters, preset, fixed)
    domains: dict[str, Domain] = {}
    for key, given in parameters.items():
        name = str(key).replace("-", "_")
        if name not in settings:
            raise unknown(f"a setting in {source}", name, settings, "rlvision train --help lists all settings")
        if name in ("out", *fixed):
            raise ConfigError(
                f"expected {name} not among the parameters of {source}, got it: the command or the sweep itself sets it"
            )
        domains[name] = read_domain(name, given)
    return domains


def _settings_of_agents(parameters: Mapping[Any, Any], preset: str, fixed: Mapping[str, Any]) -> dict[str, Setting]:
    """Return the settings of every agent that the sweep trains."""
    given = parameters.get("agent.name")
    names = (read_domain("agent.name", given).values or ()) if given else (fixed.get("agent.name"),)
    return {key: setting for name in names for key, setting in settings_of(settings_for(preset, name)).items()}


def _read_cap(cap: Any, source: str) -> int | None:
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or cap < 1):
        raise ConfigError(f"expected run_cap of {source} to be a whole number above 0, got {short_repr(cap)}: raise it")
    return cap
