"""PQN: Q-learning from rollouts of many environments, without a replay and without a target network.

Gallici et al. 2024, "Simplifying Deep Temporal Difference Learning" (arXiv 2407.04811). The numbers of its Atari
experiments, from the authors' configuration, and the defaults here:

=====================  ==============  ==============  ==============================================
number                 Gallici et al.  default here    why
=====================  ==============  ==============  ==============================================
environments           128             8               env.num_envs: a laptop's cores; 32 are faster
steps of a rollout     32              32
epochs                 2               2
minibatch              128             128
λ                      0.65            0.65
γ                      0.99            0.99
loss                   squared error   squared error
normalisation          LayerNorm       BatchRenorm     network.norm; fixed learns Pong sooner than layer
optimiser              RAdam, 2.5e-4   Adam, 2.5e-4    optimiser.name=radam is the paper's
epsilon at the end     0.001           0.01            exploration.end
=====================  ==============  ==============  ==============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rlvision import learning
from rlvision.learning.settings import RolloutSettings

if TYPE_CHECKING:
    from rlvision.core.agent import Agent
    from rlvision.core.types import Transition
    from rlvision.nn.qnetwork import QNetwork


@dataclass(frozen=True, kw_only=True)
class PQNSettings(RolloutSettings):
    """Settings of PQN."""

    loss: Literal["mse", "huber"] = "mse"
    """Loss of the TD error: the squared error, or Huber."""


class PQN:
    """Parallelised Q-network (Gallici et al. 2024, algorithm 1).

    All environments play ``rollout_steps`` steps, ε-greedily by the online network. Then each step has a λ-return,
    from the values by which the steps were played. A few epochs of minibatches move Q(s, a) towards these returns, and
    the rollout is forgotten. A normalised network keeps this stable without a target network.
    """

    Settings = PQNSettings

    def __init__(self, settings: PQNSettings) -> None:
        self._settings = settings
        self._elementwise_loss = learning.ELEMENTWISE_LOSSES[settings.loss]

    def make_network(self, setup: learning.Setup) -> QNetwork:
        """Make an encoder with a head that has one Q-value per action."""
        return learning.make_network(setup)

    def make_agent(self, setup: learning.Setup) -> Agent:
        """Make the network, the rollout memory, the learner and the exploring policy."""
        return learning.rollout_agent(setup, self._settings, self.make_network(setup), self.td_loss)

    def td_loss(self, values: learning.Values, transition: Transition) -> learning.TDLoss:
        """Return the loss of ``Q(s, a)`` against its λ-return, [B]; nothing follows a λ-return."""
        q_tm1 = learning.of_action(values.online_tm1.q_values, transition.action)  # [B]
        return learning.TDLoss(self._elementwise_loss(q_tm1, transition.reward), transition.reward - q_tm1.detach())
