"""Settings that have no effect beside others: not wrong, but worth a word.

A preset may carry them for another choice than the one that is made, so they are no reason to refuse a run.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rlvision.config import Config
from rlvision.nn.arms import momentum_of
from rlvision.settings.names import flatten


class Need(NamedTuple):
    """Settings that do something only where another one is chosen."""

    settings: tuple[str, ...]  # by dotted name
    needs: str
    is_met: Callable[[Config], bool]


NEEDS = (
    Need(("network.r_max", "network.d_max"), "network.norm=renorm", lambda c: c.network.norm == "renorm"),
    Need(
        ("network.momentum",),
        "a network.norm whose running statistics move",
        lambda c: c.network.norm not in ("fixed", "layer", "group", "none"),
    ),
    Need(
        ("network.calibration_batches",),
        "a network.norm with running statistics",
        lambda c: c.network.norm not in ("layer", "group", "none"),
    ),
    Need(
        ("replay.alpha", "replay.beta", "replay.priority_epsilon"),
        "replay.prioritised",
        lambda c: c.replay.prioritised,
    ),
    Need(("agent.double",), "a target network: no network.norm=joint", lambda c: c.network.norm != "joint"),
    Need(
        ("agent.target_period",),
        "a target network that is copied: no agent.target_tau, no network.norm=joint",
        lambda c: c.agent.target_tau is None and c.network.norm != "joint",
    ),
    Need(
        ("optimiser.final_learning_rate",),
        "optimiser.schedule=linear or cosine",
        lambda c: c.optimiser.schedule != "constant",
    ),
    Need(("optimiser.epsilon",), "another optimiser.name than sgd", lambda c: c.optimiser.name != "sgd"),
    Need(("optimiser.momentum",), "another optimiser.name than adagrad", lambda c: c.optimiser.name != "adagrad"),
    Need(("exploration.ladder_alpha",), "exploration.kind=ladder", lambda c: c.exploration.kind == "ladder"),
    Need(("tracking.video_steps",), "tracking.video_every above 0", lambda c: c.tracking.video_every > 0),
)


def without_effect(config: Config) -> Iterator[str]:
    """The settings that differ from their defaults in vain, a phrase each: which, and what it needs."""
    values = flatten(config)
    usual = flatten(Config()) | {"network.momentum": momentum_of(config.network.norm, None)}
    for settings, needs, is_met in NEEDS:
        if not is_met(config):
            yield from (f"{name} needs {needs}" for name in settings if values[name] != usual[name])
