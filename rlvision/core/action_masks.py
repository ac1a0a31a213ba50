"""Action masks: the actions that are legal in each state, in worlds where not all of them always are.

A world gives the mask of a state as ``info["action_mask"]`` with its observation, from ``reset`` and from ``step``. The
mask stays with the observation, in acting and in learning::

    observation   o0            o1            o2 (last)
    mask          1 0 1         0 1 1         any, since its action is ignored
    action        a0 of 0, 2    a1 of 1, 2    ignored
    target of a0  r1 + γ max Q(o1, a) over the actions 1 and 2

Worlds without masks have plain rows and transitions, and their policies are called without a mask.
"""

from dataclasses import dataclass, fields
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from rlvision.core.errors import EnvError
from rlvision.core.types import BoolArray, EnvStep, IntArray, Policy, Transition, UInt8Array, VectorEnv

ILLEGAL = -1e30
"""Value of an illegal action. It is finite, so that its product with a probability of zero is zero."""


@dataclass(frozen=True, slots=True)
class MaskedStep(EnvStep):
    """A row of a world with action masks."""

    mask: BoolArray  # [N, A] the actions that are legal at the observation


@dataclass(frozen=True, slots=True)
class MaskedTransition(Transition):
    """A transition of a world with action masks."""

    mask: Tensor  # [B, A] bool, of the observation
    next_mask: Tensor  # [B, A] bool, of the next observation


class MaskedPolicy(Protocol):
    """A policy that respects action masks."""

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int, *, mask: BoolArray) -> IntArray:
        """Return actions [N] as `rlvision.core.types.Policy.act` does, each among those that ``mask`` [N, A] allows."""


class MaskedEnv(Protocol):
    """Environments with action masks: their ``spec.mask_size`` is A."""

    @property
    def action_mask(self) -> BoolArray:
        """Return the actions that are legal at the current observations, [N, A]."""


def mask_of(env: VectorEnv) -> BoolArray | None:
    """Return the actions that are legal at the current observations, [N, A]; None in a world without masks."""
    return cast(MaskedEnv, env).action_mask if env.spec.mask_size else None


def act_legally(policy: Policy, mask: BoolArray | None, *seen: Any) -> IntArray:
    """Return ``policy.act(*seen)``, with the mask as one more argument where there is one."""
    return policy.act(*seen) if mask is None else cast(Any, policy).act(*seen, mask=mask)


def with_mask(step: EnvStep, mask: BoolArray) -> MaskedStep:
    """Return a row with its mask [N, A]."""
    return MaskedStep(**_parts(step), mask=mask)


def mask_in(step: EnvStep, mask_size: int) -> BoolArray:
    """Return the mask [N, A] of a row.

    Raises:
        EnvError: the row has none, or one of another size.
    """
    mask = step.mask if isinstance(step, MaskedStep) else np.empty((len(step.action), 0), dtype=np.bool_)
    if mask.shape != (len(step.action), mask_size):
        raise EnvError(
            f"expected a row with an action mask {[len(step.action), mask_size]}, got {list(mask.shape)}: add a "
            "rlvision.core.MaskedStep, as the environment returns it"
        )
    return mask


def with_masks(transition: Transition, mask: Tensor, next_mask: Tensor) -> MaskedTransition:
    """Return a transition with the masks [B, A] of s and s'."""
    return MaskedTransition(**_parts(transition), mask=mask, next_mask=next_mask)


def with_masks_of_rows(transition: Transition, masks: Tensor, length: Tensor) -> MaskedTransition:
    """Return transitions of B windows with the masks of their rows.

    Args:
        transition: of the windows.
        masks: of rows i … i + n of each window, [B, n + 1, A] bool.
        length: m, so that s' is the observation of row i + m, [B] int64.
    """
    next_row = length[:, None, None].expand(-1, 1, masks.shape[2])
    return with_masks(transition, masks[:, 0], masks.gather(1, next_row).squeeze(1))


def _parts(record: EnvStep | Transition) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def legal_values(values: Tensor, mask: Tensor | BoolArray | None) -> Tensor:
    """Return values [N, A] or [N, A, K] with `ILLEGAL` for the actions outside the mask [N, A]; None changes nothing.

    So the maximum, the greedy action and a softmax of the result are those of the legal actions.

    Args:
        values: of all actions.
        mask: booleans, or zeros and ones; [A] stands for N equal rows.

    Raises:
        ValueError: the mask is of another shape.
    """
    if mask is None:
        return values
    legal = torch.as_tensor(mask, dtype=torch.bool, device=values.device)
    if legal.shape[-1:] != values.shape[1:2] or legal.shape[:-1] not in ((), values.shape[:1]):
        raise ValueError(f"expected a mask {list(values.shape[:2])}, one flag an action, got {list(legal.shape)}")
    return values.where(legal if values.dim() == 2 else legal.unsqueeze(-1), ILLEGAL)


def greedy_actions(q_values: Tensor, mask: Tensor | BoolArray | None) -> Tensor:
    """Return the legal actions [N] with the largest Q-values [N, A]; of equal ones the first."""
    return legal_values(q_values, mask).argmax(dim=1)


def random_actions(num_actions: int, count: int, generator: torch.Generator, mask: BoolArray | None) -> Tensor:
    """Return actions [N], each drawn evenly from the legal ones."""
    if mask is None:
        return torch.randint(num_actions, (count,), generator=generator)
    return torch.multinomial(torch.from_numpy(mask).float(), 1, generator=generator).squeeze(1)


def are_legal(action: Tensor, mask: BoolArray) -> Tensor:
    """Return which of the actions [N] their masks [N, A] allow, [N] bool."""
    return torch.from_numpy(mask).gather(1, action.unsqueeze(1)).squeeze(1)


def replace_illegal(action: IntArray, mask: BoolArray | None) -> IntArray:
    """Return the actions [N], with the first legal one in place of each that is not; for actions that no policy chose.

    Such are those of a person, of a recording, and of environments whose game does not count.
    """
    if mask is None:
        return action
    return np.where(mask[np.arange(len(action)), action], action, mask.argmax(axis=1))
