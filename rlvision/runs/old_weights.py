"""Weights of an earlier agent, which a new run starts from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rlvision.core.agent import Agent
from rlvision.core.types import EnvSpec, State


@dataclass(frozen=True, slots=True)
class OldWeights:
    """Weights to start from.

    Attributes:
        tensors: by their names in the network.
        about: the line about them for the user.
        origin: where they come from, as plain values for the history of the run.
    """

    tensors: Mapping[str, Tensor]
    about: str
    origin: Mapping[str, Any]

    def load_into(self, agent: Agent) -> None:
        """Replace the weights and running statistics of an agent, and those of its target network."""
        state = agent.learner.state_dict()
        networks: State = {name: {**state[name], **self.tensors} for name in ("online", "target") if name in state}
        if networks:
            agent.learner.load_state_dict({**state, **networks})
        else:  # a learner of the user's own
            agent.network.load_state_dict({**agent.network.state_dict(), **self.tensors})


ReadWeights = Callable[[EnvSpec], OldWeights]
"""Reads the weights of ``network.init`` for these environments."""
