"""An agent is a composition of a policy, a memory and a learner."""

from collections.abc import Iterator
from dataclasses import dataclass

from rlvision.acting import EpsilonGreedy, QFunction, Softmax
from rlvision.learner import QLearner
from rlvision.replay.replay import Replay
from rlvision.types import State, Update


@dataclass(frozen=True, slots=True)
class Agent:
    """The parts of one agent; `rlvision.agents` holds the recipes.

    ``q_function`` is the network as it acts: observations [N, C, H, W] uint8 -> Q-values [N, A] float32.
    """

    q_function: QFunction
    policy: EpsilonGreedy | Softmax
    memory: Replay
    learner: QLearner

    def learn(self) -> Iterator[Update]:
        """Make the updates owed by now, one by one."""
        for batch in self.memory.batches():
            update = self.learner.update(batch)
            self.memory.update_priorities(batch.index, update.priority)
            yield update

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Where the schedules stand."""
        return {**self.policy.metrics(env_steps), **self.learner.metrics(), "replay/size": float(len(self.memory))}

    def state_dict(self) -> State:
        """All three parts."""
        return {part: getattr(self, part).state_dict() for part in ("policy", "memory", "learner")}

    def load_state_dict(self, state: State) -> None:
        """Go on from a saved state."""
        for part in ("policy", "memory", "learner"):
            getattr(self, part).load_state_dict(state[part])
