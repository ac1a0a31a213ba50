"""The roofline: an upper bound for the speed of the loop, from its parts measured alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one env step, by the clock and of all processors together, for a part that runs alone."""

    seconds: float
    cpu_seconds: float

    def __mul__(self, times: float) -> "Cost":
        return Cost(self.seconds * times, self.cpu_seconds * times)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)


@dataclass(frozen=True, slots=True)
class Bound:
    """The largest possible number of env steps per second, and the part that limits it."""

    env_steps_per_second: float
    binds: str


SHARED = "all together, for they share the cores"


def bound(costs: dict[str, Cost], shared_cores: int | None) -> Bound:
    """Return the bound: the loop is at most as fast as its slowest part, however well the parts overlap.

    If all parts share the same cores, their processor time divided by the cores bounds it too:
    ``1 / max(max_i seconds_i, Σ_i cpu_seconds_i / cores)``.

    Args:
        costs: of one env step, by part.
        shared_cores: the cores that all parts share; None if the network has its own device.
    """
    slowest = max(costs, key=lambda name: costs[name].seconds)
    seconds = costs[slowest].seconds
    together = sum(cost.cpu_seconds for cost in costs.values()) / shared_cores if shared_cores else 0.0
    return Bound(1 / together, SHARED) if together > seconds else Bound(1 / seconds, slowest)
