"""The roofline: what the parts alone allow the whole loop at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one env step, of the clock and of all processors together, if a part had the machine to itself."""

    seconds: float
    cpu_seconds: float

    def __mul__(self, times: float) -> "Cost":
        return Cost(self.seconds * times, self.cpu_seconds * times)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)


@dataclass(frozen=True, slots=True)
class Bound:
    """The most env steps a second, and what does not allow more."""

    env_steps_per_second: float
    binds: str


SHARED = "all together, for they share the cores"


def bound(costs: dict[str, Cost], shared_cores: int | None) -> Bound:
    """The loop can be no faster than its slowest part alone, however well the parts overlap.

    Where all of them compute on the same cores, it can neither be faster than their processor time
    spread over these: ``1 / max(max_i seconds_i, Σ_i cpu_seconds_i / cores)``.

    Args:
        costs: of one env step, by part.
        shared_cores: on which all parts run; None where the network has a device of its own.
    """
    slowest = max(costs, key=lambda name: costs[name].seconds)
    seconds = costs[slowest].seconds
    together = sum(cost.cpu_seconds for cost in costs.values()) / shared_cores if shared_cores else 0.0
    return Bound(1 / together, SHARED) if together > seconds else Bound(1 / seconds, slowest)
