"""DQN, and Double DQN by default.

Mnih et al. 2015, "Human-level control through deep reinforcement learning"; van Hasselt et al. 2016, "Deep
Reinforcement Learning with Double Q-learning"; Schaul et al. 2016, "Prioritized Experience Replay"; Wang et al. 2016,
"Dueling Network Architectures". The papers' numbers and the defaults here:

=====================  ==============  ==============  ==============================================
number                 Mnih et al.     default here    why
=====================  ==============  ==============  ==============================================
replay capacity        1,000,000       100,000         a laptop's memory
learning starts        50,000          5,000           env steps are slow on a laptop
samples per env step   8               8               batch 32, an update every 4 steps
n-step                 1               3               Hessel et al. 2018
target copy            10,000 updates  500 updates     shorter runs
optimiser              RMSProp         Adam            Hessel et al. 2018: epsilon 1.5e-4
epsilon at the end     0.1             0.01            van Hasselt et al. 2016, tuned
=====================  ==============  ==============  ==============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rlvision import learning
from rlvision.learning.settings import QLearningSettings

if TYPE_CHECKING:
    from rlvision.core.agent import Agent
    from rlvision.core.types import Transition
    from rlvision.nn.qnetwork import QNetwork


@dataclass(frozen=True, kw_only=True)
class DQNSettings(QLearningSettings):
    """Settings of DQN."""

    double: bool = True
    """Choose the bootstrap action with the online network (van Hasselt et al. 2016)."""
    loss: Literal["huber", "mse"] = "huber"
    """Loss of the TD error: Huber, or the squared error."""


class DQN:
    """Deep Q-learning with experience replay (Mnih et al. 2015, algorithm 1).

    A network computes Q(s, a). Experience goes into a replay memory. Each update draws a minibatch from it and moves
    Q(s, a) towards ``r + γ^n Q'(s', a')``. Q' is the target network, a periodic copy of Q. The action a' maximises Q
    (Double DQN) or Q'.
    """

    Settings = DQNSettings

    def __init__(self, settings: DQNSettings) -> None:
        self._settings = settings
        self._elementwise_loss = learning.ELEMENTWISE_LOSSES[settings.loss]
        self._selector = learning.online_selector if settings.double else learning.target_selector

    def make_network(self, setup: learning.Setup) -> QNetwork:
        """Make an encoder with a head that has one Q-value per action."""
        return learning.make_network(setup)

    def make_agent(self, setup: learning.Setup) -> Agent:
        """Make the network and its target, the replay memory, the learner and the exploring policy."""
        return learning.replay_agent(setup, self._settings, self.make_network(setup), self.td_loss)

    def td_loss(self, values: learning.Values, transition: Transition) -> learning.TDLoss:
        """Return the loss of ``Q(s, a)`` against ``r + γ^n Q'(s', argmax_a' Q(s', a'))``, [B]."""
        target_tm1 = learning.double_q_target(
            transition.reward, transition.discount, values.target_t.q_values, self._selector(values)
        )  # [B]
        q_tm1 = learning.of_action(values.online_tm1.q_values, transition.action)  # [B]
        return learning.TDLoss(self._elementwise_loss(q_tm1, target_tm1), target_tm1 - q_tm1.detach())
