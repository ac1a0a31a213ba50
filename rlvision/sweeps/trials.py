"""Trials of a sweep, each a run with its settings and its command."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from random import Random
from typing import Any

from rlvision.config.field_types import format_value
from rlvision.config.fields import checked, short, short_name, unknown
from rlvision.config.loading import compose_config, settings_for
from rlvision.config.other_agents import used_settings
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.sweeps.sweep_file import Sweep

MAX_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep, named after its settings, so that the same sweep finds it again."""

    name: str
    settings: Mapping[str, Any]  # by dotted name, the parameters of the sweep
    config: Config


def make_trials(sweep: Sweep, *, runs: int | None, seeds: Sequence[int]) -> list[Trial]:
    """Return all trials of a sweep, checked, in order.

    Args:
        sweep: the result of `rlvision.sweeps.sweep_file.read_sweep`.
        runs: number of draws of a random sweep, by default its run_cap; for a grid, the largest number of runs.
        seeds: repeat each draw or point of the grid with each of these; if empty, the sweep chooses the seed.

    Raises:
        ConfigError: a value cannot be used, or a random sweep has no number of runs.
    """
    if seeds and {"seed"} & {*sweep.parameters, *sweep.fixed}:
        raise ConfigError(f"expected seeds from --seeds or from sweep {sweep.name}, got both: leave one out")
    limit = runs or sweep.run_cap
    points = islice(_grid(sweep) if sweep.method == "grid" else _draws(sweep, limit), limit)
    repeated = [{**point, **seed} for point in points for seed in ([{"seed": s} for s in seeds] or [{}])]
    made = [_trial(sweep, settings) for settings in repeated]
    return list({trial.name: trial for trial in made}.values())


def _grid(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Yield every combination; the last parameter changes fastest."""
    endless = [name for name, domain in sweep.parameters.items() if domain.values is None]
    if endless:
        raise ConfigError(
            f"expected a list of values of {endless[0]} for method: grid, got a distribution: "
            "write values: [...], or method: random"
        )
    for values in product(*(domain.values or () for domain in sweep.parameters.values())):
        yield dict(zip(sweep.parameters, values, strict=True))


def _draws(sweep: Sweep, count: int | None) -> Iterator[dict[str, Any]]:
    """Yield random draws; draw number i does not depend on their number."""
    if count is None:
        raise ConfigError(
            f"expected a number of runs for the random sweep {sweep.name}, got none: add --runs=20, or "
            "run_cap to its file"
        )
    for number in range(count):
        rng = Random(f"{sweep.name}/{number}")
        yield {name: domain.draw(rng) for name, domain in sweep.parameters.items()}


def _trial(sweep: Sweep, settings: Mapping[str, Any]) -> Trial:
    agent = settings.get("agent.name", sweep.fixed.get("agent.name"))
    known = used_settings(settings_for(sweep.preset, agent))
    if strange := [name for name in settings if name not in known]:
        raise unknown(f"a setting of the agent {agent} in sweep {sweep.name}", strange[0], known, "leave it out")
    values = {name: checked(known[name], value, f"{name} of sweep {sweep.name}") for name, value in settings.items()}
    return Trial(trial_name(values), values, compose_config(sweep.preset, {**sweep.fixed, **values}))


def trial_name(settings: Mapping[str, Any]) -> str:
    """Return a name such as ``learning_rate=0.0005-norm=renorm-seed=1``; with a digest if it is rounded or too long."""
    whole = "-".join(f"{short_name(name, settings)}={format_value(value)}" for name, value in settings.items())
    text = "-".join(f"{short_name(name, settings)}={short(value)}" for name, value in settings.items())
    safe = "".join(letter if letter.isalnum() or letter in "=-_.,+" else "_" for letter in text)
    if safe == whole and len(safe) <= MAX_NAME_LENGTH:
        return safe
    return f"{safe[:MAX_NAME_LENGTH]}-{hashlib.blake2b(whole.encode(), digest_size=3).hexdigest()}"


def train_command(sweep: Sweep, trial: Trial, folder: Path, threads: int) -> list[str]:
    """Return the arguments of ``rlvision`` that train a trial in ``folder``; the sweep is its W&B group."""
    usual = {"threads": threads, "tracking.group": sweep.name}
    settings = {**usual, **sweep.fixed, **trial.settings, "out": str(folder)}
    return ["train", sweep.preset, *(f"--{name}={format_value(value)}" for name, value in settings.items())]
