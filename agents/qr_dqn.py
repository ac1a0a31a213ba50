"""QR-DQN: DQN that learns quantiles of the return, and acts by their mean; Double by default.

Dabney et al. 2018, "Distributional Reinforcement Learning with Quantile Regression". The head has K quantiles for each
action; their mean is the Q-value, so an export, which holds Q-values alone, is an ordinary Q-network. The paper's
numbers, beside the defaults here where they differ from `rlvision.agents.dqn`:

=====================  ===============  ==============  ===================================================
number                 Dabney et al.    default here    why
=====================  ===============  ==============  ===================================================
quantiles              200              32              on one CPU core 200 cost 6 ms an update, 32 less than 1
bootstrap action       target network   Double          the setting of `rlvision.agents.dqn`
learning rate          5e-5             2.5e-4          shorter runs
epsilon of Adam        0.01 / 32        1.5e-4          the setting of `rlvision.agents.dqn`
=====================  ===============  ==============  ===================================================
"""

from rlvision.agent import Agent
from rlvision.agents.composition import Parts, compose
from rlvision.losses.quantile import double_quantile_q_learning, quantile_q_learning


def qr_dqn(parts: Parts, *, double: bool = True, target_period: int = 500, target_tau: float | None = None) -> Agent:
    """Compose the agent from parts that are ready; the network's head has quantiles."""
    rule = double_quantile_q_learning if double else quantile_q_learning
    return compose(parts, rule, double=double, target_period=target_period, target_tau=target_tau)
