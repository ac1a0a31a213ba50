"""QR-DQN: DQN that learns quantiles of the return and acts on their mean; Double by default.

Dabney et al. 2018, "Distributional Reinforcement Learning with Quantile Regression". The head has K quantiles for each
action, and their mean is the Q-value. An export holds only Q-values, so it is an ordinary Q-network. These numbers of
the paper differ from Mnih et al. in `rlvision.agents.dqn`; next to them are the defaults here:

=====================  ===============  ==============  ===================================================
number                 Dabney et al.    default here    why
=====================  ===============  ==============  ===================================================
K, the quantiles       200              32              the loss has K² terms per transition
bootstrap action       target network   Double          the setting of `rlvision.agents.dqn`
learning rate          5e-5             2.5e-4          shorter runs
epsilon of Adam        0.01 / 32        1.5e-4          the setting of `rlvision.agents.dqn`
gradients clipped at   never            a norm of 10    the same; a sum of K losses has larger gradients
=====================  ===============  ==============  ===================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlvision import learning
from rlvision.core.ranges import QuantileCount
from rlvision.learning.settings import QLearningSettings

if TYPE_CHECKING:
    from rlvision.core.agent import Agent
    from rlvision.core.types import Transition
    from rlvision.nn.qnetwork import QNetwork


@dataclass(frozen=True, kw_only=True)
class QRDQNSettings(QLearningSettings):
    """Settings of QR-DQN."""

    quantiles: QuantileCount = 32
    """Number of quantiles of each action's return; their mean is its Q-value."""
    double: bool = True
    """Choose the bootstrap action with the online network (van Hasselt et al. 2016)."""


class QRDQN:
    """Quantile regression Q-learning (Dabney et al. 2018, algorithm 1).

    The network computes K quantiles θ_i(s, a) of the return, and Q(s, a) is their mean. An update moves them towards
    the samples ``r + γ^n θ'_j(s', a')`` with the quantile Huber loss. θ' is the target network of DQN, and a' the
    action with the largest mean.
    """

    Settings = QRDQNSettings

    def __init__(self, settings: QRDQNSettings) -> None:
        self._settings = settings
        self._selector = learning.online_selector if settings.double else learning.target_selector

    def make_network(self, setup: learning.Setup) -> QNetwork:
        """Make an encoder with a head that has K quantiles per action."""
        return learning.make_network(setup, quantiles=self._settings.quantiles)

    def make_agent(self, setup: learning.Setup) -> Agent:
        """Make the network and its target, the replay memory, the learner and the exploring policy."""
        return learning.replay_agent(setup, self._settings, self.make_network(setup), self.td_loss)

    def td_loss(self, values: learning.Values, transition: Transition) -> learning.TDLoss:
        """Return the quantile Huber loss of ``θ(s, a)`` against ``r + γ^n θ'(s', argmax_a' Q(s', a'))``, [B]."""
        quantiles_t = learning.check_quantiles(values.target_t.quantiles)  # [B, A, K]
        target_tm1 = learning.quantile_targets(
            transition.reward, transition.discount, quantiles_t, self._selector(values)
        )  # [B, K]
        quantiles_tm1 = learning.check_quantiles(values.online_tm1.quantiles)  # [B, A, K]
        prediction = learning.of_action(quantiles_tm1, transition.action)  # [B, K]
        td_error = target_tm1.mean(1) - prediction.detach().mean(1)  # [B]
        return learning.TDLoss(learning.quantile_huber(prediction, target_tm1), td_error)
