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
from functools import partial

from torch.optim import Optimizer

from rlvision.acting import EpsilonGreedy, QFunction, Softmax
from rlvision.agent import Agent
from rlvision.bootstrap import (
    Bootstrap,
    Forward,
    JointForward,
    TargetNetwork,
    hard_copies,
    recalibrated_copies,
    soft_copies,
)
from rlvision.learner import QLearner
from rlvision.losses.td import Penalty, double_q_learning, huber, mse, q_learning
from rlvision.nn.arms import Arm
from rlvision.nn.capture import Record
from rlvision.nn.fast import folded
from rlvision.nn.views import Views, batch_statistics_forward
from rlvision.precision import Autocast
from rlvision.replay.replay import Replay
from rlvision.schedules import Schedule

PENALTIES: Mapping[str, Penalty] = {"huber": huber, "mse": mse}


def dqn(
    *,
    views: Views,
    arm: Arm,
    q_function: QFunction,
    policy: EpsilonGreedy | Softmax,
    memory: Replay,
    optimiser: Optimizer,
    learning_rate: Schedule,
    autocast: Autocast,
    beta: Schedule,
    double: bool = True,
    loss: str = "huber",
    target_period: int = 500,
    target_tau: float | None = None,
    max_grad_norm: float | None = 10.0,
    calibration_batches: int = 50,
    record: Record | None = None,
) -> Agent:
    """Compose the agent from parts that are ready.

    Dueling is the network's head, n-step and prioritised replay are the memory's, exploration is the policy's.
    """
    rule = double_q_learning if double else q_learning
    learner = QLearner(
        views=views,
        bootstrap=_bootstrap(views, arm, memory, double, target_period, target_tau, calibration_batches),
        td_rule=rule(PENALTIES[loss]),
        optimiser=optimiser,
        learning_rate=learning_rate,
        max_grad_norm=max_grad_norm,
        autocast=autocast,
        sample=memory.sample,
        calibration_batches=calibration_batches,
        record=record,
    )
    return Agent(q_function, policy, memory, learner, beta)


def _bootstrap(
    views: Views, arm: Arm, memory: Replay, double: bool, period: int, tau: float | None, batches: int
) -> Bootstrap:
    if arm.target == "joint":
        return JointForward(views.online)
    target: Forward = folded(views.target)
    if arm.target == "batch_statistics":
        target = partial(batch_statistics_forward, views.target)
    refresh = hard_copies(views, period) if tau is None else soft_copies(views, tau)
    if arm.target == "recalibrated":
        refresh = recalibrated_copies(views, period, lambda: memory.sample().transition.observation, batches)
    return TargetNetwork(views.online, target, folded(views.actor) if double else None, refresh)
