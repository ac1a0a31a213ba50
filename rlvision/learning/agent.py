"""An agent is a composition of a policy, a memory and a learner."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from torch.optim import Optimizer

from rlvision.core.devices import Autocast
from rlvision.core.types import QFunction, State, Update
from rlvision.learning.learner import QLearner
from rlvision.learning.losses import TDRule
from rlvision.learning.policies import EpsilonGreedy, Softmax
from rlvision.learning.schedules import Schedule
from rlvision.learning.targets import (
    Bootstrap,
    Forward,
    JointForward,
    TargetNetwork,
    hard_copies,
    recalibrated_copies,
    soft_copies,
)
from rlvision.nn.cuda_graphs import Record
from rlvision.nn.fusion import folded, folded_to_learn
from rlvision.nn.norm_variants import Arm
from rlvision.nn.target_network import Views, batch_statistics_forward
from rlvision.replay.buffer import Replay


@dataclass(frozen=True, slots=True)
class Agent:
    """The parts of one agent; `rlvision.agents` holds the recipes.

    Args:
        q_function: the network as it plays when it counts: observations [N, C, H, W] uint8 -> Q-values [N, A] float32.
        policy: chooses actions by it.
        memory: makes batches.
        learner: improves the network.
        beta: exponent of the importance weights as a function of env steps (prioritised memory).
    """

    q_function: QFunction
    policy: EpsilonGreedy | Softmax
    memory: Replay
    learner: QLearner
    beta: Schedule

    def learn(self, env_steps: int) -> Iterator[Update]:
        """Make the updates owed after ``env_steps``, one by one."""
        if self.memory.priority is not None:
            self.memory.priority.beta = self.beta(env_steps)
        for batch in self.memory.batches():
            update = self.learner.update(batch)
            self.memory.update_priorities(batch.index, update.priority)
            yield update

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Where the schedules stand, and what is in memory."""
        return {**self.policy.metrics(env_steps), **self.learner.metrics(), **self.memory.metrics()}

    def state_dict(self) -> State:
        """All three parts."""
        return {part: getattr(self, part).state_dict() for part in ("policy", "memory", "learner")}

    def load_state_dict(self, state: State) -> None:
        """Go on from a saved state."""
        for part in ("policy", "memory", "learner"):
            getattr(self, part).load_state_dict(state[part])


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingredients:
    """What every recipe takes, ready-made.

    Dueling is the network's head, n-step and prioritised replay are the memory's, exploration is the policy's. The
    rest is as in `rlvision.learning.learner.QLearner` and `rlvision.learning.agent.Agent`.
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
        td_rule: one of `rlvision.learning.losses`.
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
