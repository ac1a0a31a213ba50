"""The parts of an agent, and what is asked of them in a world with action masks."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from rlvision.core.errors import ConfigError
from rlvision.core.types import EnvSpec, Learner, Memory, QFunction, RewardTransform, Schedule, TrainingPolicy

RESPECTS_MASKS = "respects_masks"
"""The attribute by which a policy, a memory or a learner says that it respects action masks."""
PARTS = {
    "policy": "takes act(..., mask=...) and chooses among the actions that it allows",
    "memory": "keeps step.mask and puts the masks of s and s' into a rlvision.core.MaskedTransition",
    "learner": "leaves the actions outside transition.next_mask out of the maximum over s'",
}


@dataclass(frozen=True, slots=True)
class Agent:
    """The parts of an agent that a run works with.

    Attributes:
        policy: explores in training.
        memory: turns experience into batches.
        learner: learns from the batches.
        network: the network in evaluation mode; a run saves and exports its ``state_dict``.
        q_function: Q-values for evaluations, in float32.
        gamma: discount per env step, as a function of env steps.
        reward_transform: applied to raw rewards [..] before learning; None if the agent learns from raw rewards.
        rows_until_due: returns how many rows the memory takes before the next batches are due, for an agent that
            learns between rollouts; None for one that learns while the environments step.
    """

    policy: TrainingPolicy
    memory: Memory
    learner: Learner
    network: nn.Module
    q_function: QFunction
    gamma: Schedule
    reward_transform: RewardTransform | None
    rows_until_due: Callable[[], int] | None = None


def require_masks(agent: Agent, spec: EnvSpec, name: str) -> Agent:
    """Return the agent; refuse one that cannot learn in a world with action masks.

    Args:
        agent: its policy, memory and learner say that they respect masks by ``respects_masks = True``.
        spec: of the environments.
        name: of the agent, for the error.

    Raises:
        ConfigError: a part does not say so.
    """
    for part, job in PARTS.items() if spec.mask_size else ():
        if not getattr(getattr(agent, part), RESPECTS_MASKS, False):
            raise ConfigError(
                f"expected an agent that respects action masks, since the environment gives them, got {name}, whose "
                f"{part} {type(getattr(agent, part)).__name__} does not say that it does: write a {part} that {job}, "
                f"and set {RESPECTS_MASKS} = True in its class"
            )
    return agent
