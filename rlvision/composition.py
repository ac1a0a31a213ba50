"""What the recipes share: an agent that learns from a replay with a target network, whatever its TD rule."""

from dataclasses import dataclass
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
from rlvision.losses.td import TDRule
from rlvision.nn.arms import Arm
from rlvision.nn.capture import Record
from rlvision.nn.fast import folded, folded_to_learn
from rlvision.nn.views import Views, batch_statistics_forward
from rlvision.precision import Autocast
from rlvision.replay.replay import Replay
from rlvision.schedules import Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingredients:
    """What every recipe takes, ready-made.

    Dueling is the network's head, n-step and prioritised replay are the memory's, exploration is the policy's. The
    rest is as in `rlvision.learner.QLearner` and `rlvision.agent.Agent`.
    """

    views: Views
    arm: Arm
    q_function: QFunction
    policy: EpsilonGreedy | Softmax
    memory: Replay
    optimiser: Optimizer
    learning_rate: Schedule
    autocast: Autocast
    beta: Schedule
    max_grad_norm: float | None = 10.0
    calibration_batches: int = 50
    record: Record | None = None


def compose(
    ingredients: Ingredients, td_rule: TDRule, *, double: bool, target_period: int, target_tau: float | None = None
) -> Agent:
    """Put an agent together.

    Args:
        ingredients: as they come.
        td_rule: one of `rlvision.losses`.
        double: whether the rule asks for the online network's values of s'.
        target_period: updates between hard copies into the target network.
        target_tau: weight of the online network at every update, instead of hard copies.
    """
    learner = QLearner(
        views=ingredients.views,
        bootstrap=_bootstrap(ingredients, double, target_period, target_tau),
        td_rule=td_rule,
        optimiser=ingredients.optimiser,
        learning_rate=ingredients.learning_rate,
        max_grad_norm=ingredients.max_grad_norm,
        autocast=ingredients.autocast,
        sample=ingredients.memory.sample,
        calibration_batches=ingredients.calibration_batches,
        record=ingredients.record,
    )
    return Agent(ingredients.q_function, ingredients.policy, ingredients.memory, learner, ingredients.beta)


def _bootstrap(ingredients: Ingredients, double: bool, period: int, tau: float | None) -> Bootstrap:
    views, arm, memory = ingredients.views, ingredients.arm, ingredients.memory
    if arm.target == "joint":
        return JointForward(views.online)
    target: Forward = folded(views.target)
    if arm.target == "batch_statistics":
        target = partial(batch_statistics_forward, views.target)
    refresh = hard_copies(views, period) if tau is None else soft_copies(views, tau)
    if arm.target == "recalibrated":
        batches = ingredients.calibration_batches
        refresh = recalibrated_copies(views, period, lambda: memory.sample().transition.observation, batches)
    return TargetNetwork(folded_to_learn(views.online), target, folded(views.actor) if double else None, refresh)
