"""An agent is a composition of a policy, a memory and a learner."""

from collections.abc import Iterator
from dataclasses import dataclass

from rlvision.acting import EpsilonGreedy, QFunction, Softmax
from rlvision.learner import QLearner
from rlvision.replay.replay import Replay
from rlvision.schedules import Schedule
from rlvision.types import State, Update


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
