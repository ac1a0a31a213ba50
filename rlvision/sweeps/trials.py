"""The runs of a sweep."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from random import Random
from typing import Any

from rlvision.config.field_types import spelling
from rlvision.config.fields import checked, settings_of
from rlvision.config.loading import load_config
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.sweeps.sweep_file import Sweep

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep; its name says its settings, so that it is the same one whenever the sweep is run again."""

    name: str
    settings: Mapping[str, Any]  # by dotted name, the parameters of the sweep
    config: Config


def trials(sweep: Sweep, *, runs: int | None, seeds: Sequence[int]) -> list[Trial]:
    """All of them, checked, in their order.

    Args:
        sweep: what is tried.
        runs: of a random sweep, how many draws; by default its run_cap. Of a grid, how many at most.
        seeds: repeat each draw or point of the grid with each of these; none leaves the seed to the sweep.

    Raises:
        ConfigError: a value cannot be used, or it is not said how many there are to be.
    """
    if seeds and {"seed"} & {*sweep.parameters, *sweep.fixed}:
        raise ConfigError(f"expected seeds from --seeds or from sweep {sweep.name}, got both: leave one out")
    limit = runs or sweep.run_cap
    points = islice(_grid(sweep) if sweep.method == "grid" else _draws(sweep, limit), limit)
    repeated = [{**point, **seed} for point in points for seed in ([{"seed": s} for s in seeds] or [{}])]
    made = [_trial(sweep, settings) for settings in repeated]
    return list({trial.name: trial for trial in made}.values())


def _grid(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Every combination; the last parameter changes fastest."""
    endless = [name for name, domain in sweep.parameters.items() if domain.values is None]
    if endless:
        raise ConfigError(
            f"expected values of {endless[0]} that can be counted for method: grid, got a distribution: "
            "write values: [...], or method: random"
        )
    for values in product(*(domain.values or () for domain in sweep.parameters.values())):
        yield dict(zip(sweep.parameters, values, strict=True))


def _draws(sweep: Sweep, count: int | None) -> Iterator[dict[str, Any]]:
    """Draw number i is the same whenever and however many are drawn."""
    if count is None:
        raise ConfigError(
            f"expected a number of runs for the random sweep {sweep.name}, got none: add --runs=20, or "
            "run_cap to its file"
        )
    for number in range(count):
        rng = Random(f"{sweep.name}/{number}")
        yield {name: domain.draw(rng) for name, domain in sweep.parameters.items()}


def _trial(sweep: Sweep, settings: Mapping[str, Any]) -> Trial:
    known = settings_of(Config())
    values = {name: checked(known[name], value, f"{name} of sweep {sweep.name}") for name, value in settings.items()}
    return Trial(trial_name(values), values, load_config(sweep.preset, {**sweep.fixed, **values}))


def trial_name(settings: Mapping[str, Any]) -> str:
    """Such as ``learning_rate=0.0005-norm=renorm-seed=1``; what is too long or rounded ends in a digest of it all."""
    whole = "-".join(f"{short_name(name, settings)}={spelling(value)}" for name, value in settings.items())
    text = "-".join(f"{short_name(name, settings)}={short(value)}" for name, value in settings.items())
    safe = "".join(letter if letter.isalnum() or letter in "=-_.,+" else "_" for letter in text)
    if safe == whole and len(safe) <= LONGEST_NAME:
        return safe
    return f"{safe[:LONGEST_NAME]}-{hashlib.blake2b(whole.encode(), digest_size=3).hexdigest()}"


def short_name(name: str, names: Mapping[str, Any]) -> str:
    """The last part of a dotted name, where that says which it is."""
    leaf = name.rpartition(".")[2]
    return leaf if sum(other.rpartition(".")[2] == leaf for other in names) == 1 else name


def short(value: Any) -> str:
    """A value in a few letters."""
    return f"{value:.4g}" if isinstance(value, float) else spelling(value)
