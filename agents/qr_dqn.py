"""QR-DQN: DQN that learns quantiles of the return, and acts by their mean; Double by default.

Dabney et al. 2018, "Distributional Reinforcement Learning with Quantile Regression". The head has K quantiles for each
action; their mean is the Q-value, so an export, which holds Q-values alone, is an ordinary Q-network. The paper's
numbers, where they are not those of Mnih et al. in `rlvision.agents.dqn`, beside the defaults here:

=====================  ===============  ==============  ===================================================
number                 Dabney et al.    default here    why
=====================  ===============  ==============  ===================================================
K, the quantiles       200              32              the loss computes with K² numbers a transition
bootstrap action       target network   Double          the setting of `rlvision.agents.dqn`
learning rate          5e-5             2.5e-4          shorter runs
epsilon of Adam        0.01 / 32        1.5e-4          the setting of `rlvision.agents.dqn`
gradients clipped at   never            a norm of 10    the same; a sum of K losses has longer ones
=====================  ===============  ==============  ===================================================
"""

from rlvision.learning.agent import Agent, Ingredients, compose
from rlvision.learning.losses import double_quantile_q_learning, quantile_q_learning


def qr_dqn(
    ingredients: Ingredients, *, double: bool = True, target_period: int = 500, target_tau: float | None = None
) -> Agent:
    """Compose the agent; its network has a head of quantiles."""
    rule = double_quantile_q_learning if double else quantile_q_learning
    return compose(ingredients, rule, double=double, target_period=target_period, target_tau=target_tau)
