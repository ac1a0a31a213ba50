"""The health of the networks of a run, for its rows of metrics, where `rlvision.features` is installed."""

import logging
from collections.abc import Callable, Mapping

from rlvision.core.agent import Agent
from rlvision.learning.learner import QLearner
from rlvision.runs.media import import_optional

HEALTH = "rlvision.features.health", "Health"

HealthRows = Callable[[], Mapping[str, float]]
"""Returns the metrics of the group ``health`` now; nothing before the first update."""


def health_rows(agent: Agent) -> HealthRows:
    """Return the function that measures an agent's networks; call it before weights are loaded.

    So the distance from the first weights is that from the weights of the seed, in every session of a run. A learner of
    the user's own has no rows. Without `rlvision.features` there are none either, and a warning says so.
    """
    learner = agent.learner
    if not isinstance(learner, QLearner):
        return dict
    make_health = import_optional(*HEALTH)
    if make_health is None:
        logging.getLogger("rlvision").warning(
            "expected rlvision.features to measure the health of the network, got an installation without it; rows "
            "have no health/"
        )
        return dict
    health = make_health(learner.networks, learner.optimiser)
    return lambda: health.metrics(*learner.last_states) if learner.last_states is not None else {}
