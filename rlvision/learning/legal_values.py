"""The values of a batch with those of illegal actions out of the way, and the agents that learn from such batches.

A TD rule reads the values of s and s' from `rlvision.learning.targets.Values`. In a world with action masks it reads
them through `LegalValues`, so every rule bootstraps from legal actions alone::

    Q'(s', a)      2.0    7.0    1.0
    mask of s'     1      0      1
    as read        2.0    -1e30  1.0       the maximum is 2.0, and a softmax gives the second action nothing
"""

from dataclasses import fields, replace
from functools import partial

from torch import Tensor

from rlvision.core.action_masks import MaskedTransition, legal_values
from rlvision.core.errors import ConfigError
from rlvision.core.types import Agent, EnvSpec, QOutput, Transition
from rlvision.learning.targets import Values

RESPECTS_MASKS = "respects_masks"
"""The attribute by which a policy, a memory or a learner says that it respects action masks."""
PARTS = {
    "policy": "takes act(..., mask=...) and chooses among the actions that it allows",
    "memory": "keeps step.mask and puts the masks of s and s' into a rlvision.core.MaskedTransition",
    "learner": "leaves the actions outside transition.next_mask out of the maximum over s'",
}


class LegalValues:
    """The values of a batch, each with `rlvision.core.action_masks.ILLEGAL` in the place of an illegal action's.

    Args:
        values: of all actions, computed on demand.
        transition: with the masks of s and s'.
    """

    def __init__(self, values: Values, transition: MaskedTransition) -> None:
        self._values = values
        self._transition = transition

    @property
    def target_t(self) -> QOutput:
        """The target network's values of s', without gradient."""
        return _legal(self._values.target_t, self._transition.next_mask)

    @property
    def online_t(self) -> QOutput:
        """The online network's values of s', without gradient."""
        return _legal(self._values.online_t, self._transition.next_mask)

    @property
    def target_tm1(self) -> QOutput:
        """The target network's values of s, without gradient."""
        return _legal(self._values.target_tm1, self._transition.mask)

    @property
    def online_tm1(self) -> QOutput:
        """The online network's values of s, with gradient."""
        return _legal(self._values.online_tm1, self._transition.mask)


def values_of_legal(values: Values, transition: Transition) -> Values:
    """Return the values as they are, or of a transition with masks those of legal actions."""
    return LegalValues(values, transition) if isinstance(transition, MaskedTransition) else values


def transition_of(parts: list[Tensor]) -> Transition:
    """Return a transition from its fields, with masks if they are among them."""
    return (Transition if len(parts) == len(fields(Transition)) else MaskedTransition)(*parts)


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


def _legal(output: QOutput, mask: Tensor) -> QOutput:
    mask_values = partial(legal_values, mask=mask)
    quantiles = None if output.quantiles is None else mask_values(output.quantiles)
    return replace(output, q_values=mask_values(output.q_values), quantiles=quantiles)
