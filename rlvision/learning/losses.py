"""The formulas of temporal-difference learning of action values, one pure function each.

Time indices as in Sutton and Barto: an action ``a_tm1`` taken at t-1 brings the reward ``r_t``, and ``discount_t``
weighs what follows: γ^m after m rewards, 0 where the episode terminated. Which of them an agent uses stands in the
agent's own file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from rlvision.core.types import Transition

if TYPE_CHECKING:
    from rlvision.learning.targets import Values


@dataclass(frozen=True, slots=True)
class TDLoss:
    """The loss of each transition of a batch, and its TD error."""

    loss: Tensor  # [B]
    td_error: Tensor  # [B] target minus prediction, without gradient


TDRule = Callable[["Values", Transition], TDLoss]
"""The loss of a batch: asks ``values`` for those of s' first, then for those of s."""

ElementwiseLoss = Callable[[Tensor, Tensor], Tensor]
"""(prediction, target) -> loss, all of one shape."""


def online_selector(values: "Values") -> Tensor:
    """Return the Q-values [B, A] by which the online network chooses the bootstrap action (van Hasselt et al. 2016)."""
    return values.online_t.q_values


def target_selector(values: "Values") -> Tensor:
    """Return the Q-values [B, A] by which the target network chooses the bootstrap action (Mnih et al. 2015)."""
    return values.target_t.q_values


def huber(prediction: Tensor, target: Tensor) -> Tensor:
    """Quadratic up to an error of 1, linear beyond (Huber 1964; the "error clipping" of Mnih et al. 2015), each."""
    return F.smooth_l1_loss(prediction, target, reduction="none")


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Half the squared error, each."""
    return 0.5 * (prediction - target).square()


ELEMENTWISE_LOSSES: Mapping[str, ElementwiseLoss] = {"huber": huber, "mse": mse}


def q_target(r_t: Tensor, discount_t: Tensor, q_t: Tensor) -> Tensor:
    """Target of Q-learning, ``r_t + discount_t * max_a q_t(a)`` (Watkins 1989), [B]."""
    return double_q_target(r_t, discount_t, q_t, q_t)


def double_q_target(r_t: Tensor, discount_t: Tensor, q_t: Tensor, selector_t: Tensor) -> Tensor:
    """Target of Double Q-learning, ``r_t + discount_t * q_t(argmax_a selector_t(a))`` (van Hasselt et al. 2016), [B].

    A constant to the gradient.

    Args:
        r_t: rewards (n-step returns) [B] float32.
        discount_t: discounts [B] float32.
        q_t: the target network's values of the next observation [B, A] float32.
        selector_t: the values that choose the action [B, A] float32.

    Raises:
        ValueError: a shape or a type is another.
    """
    check_q_learning(q_t, selector_t, r_t, discount_t)
    return (r_t + discount_t * of_action(q_t, selector_t.argmax(dim=1))).detach()


def quantile_targets(r_t: Tensor, discount_t: Tensor, quantiles_t: Tensor, selector_t: Tensor) -> Tensor:
    """Samples of the return that QR-DQN regresses on (Dabney et al. 2018, algorithm 1), [B, K].

    ``r_t + discount_t * θ_j(argmax_a selector_t(a))`` for each quantile j of the next observation; constants to the
    gradient.

    Args:
        r_t: rewards (n-step returns) [B] float32.
        discount_t: discounts [B] float32.
        quantiles_t: the target network's quantiles of the next observation [B, A, K] float32.
        selector_t: the values that choose the action [B, A] float32.

    Raises:
        ValueError: a shape or a type is another.
    """
    check_quantiles(quantiles_t)
    check_q_learning(quantiles_t[:, :, 0], selector_t, r_t, discount_t)
    return (r_t.unsqueeze(1) + discount_t.unsqueeze(1) * of_action(quantiles_t, selector_t.argmax(dim=1))).detach()


def quantile_huber(prediction: Tensor, target: Tensor) -> Tensor:
    """The quantile Huber loss with κ = 1 (Dabney et al. 2018, equations 9 and 10), [B].

    Summed over the predicted quantiles, of which number i is drawn to the share (2i - 1) / 2K of the targets, and
    averaged over the targets.

    Args:
        prediction: quantiles [B, K] float32.
        target: samples of the return, each as likely as the others [B, J] float32.

    Raises:
        ValueError: a shape is another.
    """
    if prediction.dim() != 2 or target.dim() != 2 or len(prediction) != len(target):
        shapes = tuple(prediction.shape), tuple(target.shape)
        raise ValueError(f"expected prediction [B, K] and target [B, J], got {shapes}")
    quantiles, samples = prediction.shape[1], target.shape[1]
    prediction = prediction.unsqueeze(2).expand(-1, -1, samples)  # [B, K, J]
    target = target.unsqueeze(1).expand(-1, quantiles, -1)  # [B, K, J]
    share = (torch.arange(quantiles, device=prediction.device) + 0.5) / quantiles  # [K]
    weight = (share.unsqueeze(1) - (target < prediction).float()).abs()  # [B, K, J]
    return (weight * huber(prediction, target)).mean(2).sum(1)


def of_action(values: Tensor, action: Tensor) -> Tensor:
    """Return the values [B] or [B, K] of one action [B] each, out of [B, A] or [B, A, K]."""
    index = action.view(-1, 1, *(1,) * (values.dim() - 2)).expand(-1, 1, *values.shape[2:])
    return values.gather(1, index).squeeze(1)


def check_q_learning(q_t: Tensor, selector_t: Tensor, r_t: Tensor, discount_t: Tensor) -> None:
    """Refuse shapes and types that a TD rule cannot take; arguments as in `double_q_target`.

    Raises:
        ValueError: a shape or a type is another.
    """
    rows = q_t.shape[:1]
    if q_t.dim() != 2 or selector_t.shape != q_t.shape or r_t.shape != rows or discount_t.shape != rows:
        shapes = [tuple(t.shape) for t in (r_t, discount_t, q_t, selector_t)]
        raise ValueError(f"expected r_t [B], discount_t [B], q_t [B, A] and selector_t [B, A], got {shapes}")
    if any(t.dtype != torch.float32 for t in (r_t, discount_t, q_t, selector_t)):
        raise ValueError("expected float32 throughout: Q-values in bfloat16 are as coarse as the gaps between actions")


def check_quantiles(quantiles: Tensor | None) -> Tensor:
    """Return the quantiles of a head that has some.

    Raises:
        ValueError: it has none, or they are not float32.
    """
    if quantiles is None:
        raise ValueError("expected quantiles [B, A, K] of the head, got Q-values alone: give it some")
    if quantiles.dtype != torch.float32:
        raise ValueError(f"expected float32 quantiles, got {quantiles.dtype}: heads leave autocast")
    return quantiles
