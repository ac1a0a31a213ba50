"""The values of a batch with those of illegal actions out of the way.

A TD rule reads the values of s and s' from `rlvision.learning.targets.Values`. In a world with action masks it reads
them through `LegalValues`, so every rule bootstraps from legal actions alone::

    Q'(s', a)      2.0    7.0    1.0
    mask of s'     1      0      1
    as read        2.0    -1e30  1.0       the maximum is 2.0, and a softmax gives the second action nothing
"""

from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from rlvision.core.action_masks import MaskedTransition, legal_values
from rlvision.core.types import QOutput, Transition

if TYPE_CHECKING:
    from rlvision.learning.targets import Values


class LegalValues:
    """The values of a batch, each with `rlvision.core.action_masks.ILLEGAL` in the place of an illegal action's.

    Args:
        values: of all actions, computed on demand.
        transition: with the masks of s and s'.
    """

    def __init__(self, values: "Values", transition: MaskedTransition) -> None:
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


def values_of_legal(values: "Values", transition: Transition) -> "Values":
    """Return the values as they are, or of a transition with masks those of legal actions."""
    return LegalValues(values, transition) if isinstance(transition, MaskedTransition) else values


def transition_of(parts: list[Tensor]) -> Transition:
    """Return a transition from its fields, with masks if they are among them."""
    return (Transition if len(parts) == len(fields(Transition)) else MaskedTransition)(*parts)


def _legal(output: QOutput, mask: Tensor) -> QOutput:
    mask_values = partial(legal_values, mask=mask)
    quantiles = None if output.quantiles is None else mask_values(output.quantiles)
    return replace(output, q_values=mask_values(output.q_values), quantiles=quantiles)
