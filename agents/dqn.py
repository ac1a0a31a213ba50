"""DQN, and Double DQN by default.

Mnih et al. 2015, "Human-level control through deep reinforcement learning"; van Hasselt et al. 2016, "Deep
Reinforcement Learning with Double Q-learning"; Schaul et al. 2016, "Prioritized Experience Replay"; Wang et al. 2016,
"Dueling Network Architectures". The papers' numbers, beside the defaults here:

=====================  ==============  ==============  ==============================================
number                 Mnih et al.     default here    why
=====================  ==============  ==============  ==============================================
replay capacity        1,000,000       100,000         a laptop's memory
learning starts        50,000          5,000           steps are dear on a laptop
samples per env step   8               8               batch 32, an update every 4 steps
n-step                 1               3               Hessel et al. 2018
target copy            10,000 updates  500 updates     shorter runs
optimiser              RMSProp         Adam            Hessel et al. 2018: epsilon 1.5e-4
epsilon at the end     0.1             0.01            van Hasselt et al. 2016, tuned
=====================  ==============  ==============  ==============================================
"""

from collections.abc import Mapping

from rlvision.learning.agent import Agent, Ingredients, compose
from rlvision.learning.losses import Penalty, double_q_learning, huber, mse, q_learning

PENALTIES: Mapping[str, Penalty] = {"huber": huber, "mse": mse}


def dqn(
    ingredients: Ingredients,
    *,
    double: bool = True,
    loss: str = "huber",
    target_period: int = 500,
    target_tau: float | None = None,
) -> Agent:
    """Compose the agent."""
    rule = double_q_learning if double else q_learning
    return compose(
        ingredients, rule(PENALTIES[loss]), double=double, target_period=target_period, target_tau=target_tau
    )
