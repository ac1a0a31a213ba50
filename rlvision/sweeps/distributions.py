"""The values of a sweep's parameter: lists and distributions, in the format of W&B's sweep files."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from rlvision.config.field_types import short_repr
from rlvision.core.errors import ConfigError

Draw = Callable[[Random], Any]


@dataclass(frozen=True, slots=True)
class Domain:
    """The values of one parameter.

    Args:
        draw: draws one of them at random.
        values: all of them; None for a continuous distribution.
    """

    draw: Draw
    values: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """A named distribution: the names of its two parameters, and a function that draws from it."""

    needs: tuple[str, str]
    draw: Callable[[Random, float, float], float]


DISTRIBUTIONS: dict[str, Distribution] = {
    "uniform": Distribution(("min", "max"), Random.uniform),
    "log_uniform": Distribution(("min", "max"), lambda rng, low, high: math.exp(rng.uniform(low, high))),
    "log_uniform_values": Distribution(
        ("min", "max"), lambda rng, low, high: math.exp(rng.uniform(math.log(low), math.log(high)))
    ),
    "normal": Distribution(("mu", "sigma"), Random.normalvariate),
    "log_normal": Distribution(("mu", "sigma"), Random.lognormvariate),
}
"""Distributions as W&B defines them; with ``q_`` in front of the name, rounded to multiples of ``q``, by default 1."""

KINDS = ("constant", "categorical", "int_uniform", *DISTRIBUTIONS, *(f"q_{name}" for name in DISTRIBUTIONS))


def read_domain(name: str, given: Any) -> Domain:
    """Read the values of a parameter in a sweep file.

    Args:
        name: of the parameter, for the error messages.
        given: ``{value: 3}``, ``{values: [1, 2]}``, ``{min: 1, max: 9}``, ``{distribution: normal, mu: 0, sigma: 1}``.

    Raises:
        ConfigError: the value is none of these.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"expected {name} to hold value, values or a distribution, got {short_repr(given)}: write "
            f"{name}: {{values: [...]}}"
        )
    kind = given.get("distribution") or _usual_kind(name, given)
    if kind not in KINDS:
        raise ConfigError(f"expected a distribution ({', '.join(KINDS)}) of {name}, got {short_repr(kind)}: choose one")
    reader = {"constant": _constant, "categorical": _categorical, "int_uniform": _whole_numbers}.get(kind, _numbers)
    return reader(name, given, kind)


def _usual_kind(name: str, given: Mapping[str, Any]) -> str:
    if "value" in given:
        return "constant"
    if "values" in given:
        return "categorical"
    if {"min", "max"} <= given.keys():
        return "int_uniform" if all(isinstance(given[end], int) for end in ("min", "max")) else "uniform"
    raise ConfigError(
        f"expected {name} to hold value, values, or min and max, got {', '.join(map(str, given)) or 'nothing'}: "
        "add one of them; dotted names such as env.game reach into groups"
    )


def _constant(name: str, given: Mapping[str, Any], kind: str) -> Domain:
    _require_keys(name, given, kind, needed=("value",))
    return Domain(lambda rng: given["value"], (given["value"],))


def _categorical(name: str, given: Mapping[str, Any], kind: str) -> Domain:
    _require_keys(name, given, kind, needed=("values",), optional=("probabilities",))
    values, weights = given["values"], given.get("probabilities")
    if not isinstance(values, list) or not values:
        raise ConfigError(
            f"expected {name}.values to be a list with at least one value, got {short_repr(values)}: fill it"
        )
    if weights is not None and not (isinstance(weights, list) and len(weights) == len(values) and _add_to_one(weights)):
        raise ConfigError(
            f"expected {name}.probabilities to be {len(values)} numbers that add to 1, got "
            f"{short_repr(weights)}: give each value its own"
        )
    return Domain(lambda rng: rng.choices(values, weights)[0], tuple(values))


def _whole_numbers(name: str, given: Mapping[str, Any], kind: str) -> Domain:
    _require_keys(name, given, kind, needed=("min", "max"))
    low, high = (_number(name, given, end, int) for end in ("min", "max"))
    _require_order(name, low, high)
    return Domain(lambda rng: rng.randint(low, high), range(low, high + 1))


def _numbers(name: str, given: Mapping[str, Any], kind: str) -> Domain:
    is_rounded, distribution = kind.startswith("q_"), DISTRIBUTIONS[kind.removeprefix("q_")]
    _require_keys(name, given, kind, needed=distribution.needs, optional=("q",) if is_rounded else ())
    first, second = (_number(name, given, key, float) for key in distribution.needs)
    if "max" in distribution.needs:
        _require_order(name, first, second)
    if kind.endswith("log_uniform_values") and first <= 0:
        raise ConfigError(f"expected {name}.min above 0 for {kind}, got {first:g}: raise it")
    step = _number(name, given, "q", float) if "q" in given else 1.0
    if not is_rounded:
        return Domain(lambda rng: distribution.draw(rng, first, second))
    return Domain(lambda rng: _rounded(distribution.draw(rng, first, second), step))


def _rounded(value: float, step: float) -> float:
    """Return the nearest multiple, as a whole number if the step is one."""
    multiple = round(value / step) * step
    return int(multiple) if step == int(step) else multiple


def _require_keys(
    name: str, given: Mapping[str, Any], kind: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    """Refuse missing keys, and keys without effect."""
    missing = [key for key in needed if key not in given]
    if missing:
        raise ConfigError(f"expected {name} to hold {' and '.join(needed)} for {kind}, got no {missing[0]}: add it")
    needless = [key for key in given if key not in (*needed, *optional, "distribution")]
    if needless:
        raise ConfigError(
            f"expected {name} to hold {' and '.join((*needed, *optional))} for {kind}, got "
            f"{needless[0]} too: leave it out"
        )


def _number(name: str, given: Mapping[str, Any], key: str, kind: type[int] | type[float]) -> Any:
    value = given[key]
    if isinstance(value, bool) or not isinstance(value, (int, kind)) or not math.isfinite(value):
        word = "a whole number" if kind is int else "a number"
        raise ConfigError(f"expected {name}.{key} to be {word}, got {short_repr(value)}: write one")
    if key in ("q", "sigma") and value <= 0:
        raise ConfigError(f"expected {name}.{key} above 0, got {value:g}: raise it")
    return value


def _require_order(name: str, low: float, high: float) -> None:
    if low >= high:
        raise ConfigError(f"expected {name}.min below {name}.max, got {low:g} and {high:g}: swap them")


def _add_to_one(weights: list[Any]) -> bool:
    are_numbers = all(isinstance(weight, (int, float)) and weight >= 0 for weight in weights)
    return are_numbers and math.isclose(sum(weights), 1.0, rel_tol=1e-6)
