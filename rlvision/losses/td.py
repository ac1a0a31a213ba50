"""Temporal-difference learning of action values, one function per named algorithm.

Time indices as in Sutton and Barto: an action ``a_tm1`` taken at t-1 brings the reward ``r_t``, and ``discount_t``
weighs what follows: γ^m after m rewards, 0 where the episode terminated.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rlvision.types import QOutput


@dataclass(frozen=True, slots=True)
class TDLoss:
    """What a loss says of each transition."""

    loss: Tensor  # [B]
    td_error: Tensor  # [B] target minus prediction, without gradient


Penalty = Callable[[Tensor, Tensor], Tensor]
"""(prediction, target) -> penalty, all of one shape."""

TDRule = Callable[[QOutput, Tensor, Tensor, Tensor, QOutput, QOutput], TDLoss]
"""(q_tm1, a_tm1, r_t, discount_t, target's q_t, online's q_t) -> TDLoss."""


def huber(prediction: Tensor, target: Tensor) -> Tensor:
    """Quadratic up to an error of 1, linear beyond (Huber 1964; the "error clipping" of Mnih et al. 2015), each."""
    return F.smooth_l1_loss(prediction, target, reduction="none")


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Half the squared error, each."""
    return 0.5 * (prediction - target).square()


def q_target(r_t: Tensor, discount_t: Tensor, q_t: Tensor) -> Tensor:
    """Target of Q-learning, ``r_t + discount_t * max_a q_t(a)`` (Watkins 1989), [B]."""
    return double_q_target(r_t, discount_t, q_t, q_t)


def double_q_target(r_t: Tensor, discount_t: Tensor, q_t: Tensor, selector_t: Tensor) -> Tensor:
    """Target of Double Q-learning, ``r_t + discount_t * q_t(argmax_a selector_t(a))`` (van Hasselt et al. 2016), [B].

    Args:
        r_t: rewards (n-step returns) [B] float32.
        discount_t: discounts [B] float32.
        q_t: the target network's values of the next observation [B, A] float32.
        selector_t: the values that choose the action [B, A] float32.
    """
    check_q_learning(q_t, selector_t, r_t, discount_t)
    a_t = selector_t.argmax(dim=1, keepdim=True)  # [B, 1]
    return r_t + discount_t * q_t.gather(1, a_t).squeeze(1)  # [B]


def q_learning(penalty: Penalty) -> TDRule:
    """The loss of DQN (Mnih et al. 2015): the bootstrap action is the target network's own maximum."""

    def loss(q_tm1: QOutput, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: QOutput, _: QOutput) -> TDLoss:
        return _td_loss(penalty, q_tm1, a_tm1, q_target(r_t, discount_t, q_t.q_values))

    return loss


def double_q_learning(penalty: Penalty) -> TDRule:
    """The loss of Double DQN (van Hasselt et al. 2016): the online network chooses, the target network values."""

    def loss(q_tm1: QOutput, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: QOutput, online: QOutput) -> TDLoss:
        return _td_loss(penalty, q_tm1, a_tm1, double_q_target(r_t, discount_t, q_t.q_values, online.q_values))

    return loss


def _td_loss(penalty: Penalty, q_tm1: QOutput, a_tm1: Tensor, target_tm1: Tensor) -> TDLoss:
    prediction = q_tm1.q_values.gather(1, a_tm1.unsqueeze(1)).squeeze(1)  # [B]
    target_tm1 = target_tm1.detach()
    return TDLoss(penalty(prediction, target_tm1), target_tm1 - prediction.detach())


def check_q_learning(q_t: Tensor, selector_t: Tensor, r_t: Tensor, discount_t: Tensor) -> None:
    """Refuse what a TD rule cannot take; arguments as in `double_q_target`.

    Raises:
        ValueError: a shape or a type is another.
    """
    rows = q_t.shape[:1]
    if q_t.dim() != 2 or selector_t.shape != q_t.shape or r_t.shape != rows or discount_t.shape != rows:
        shapes = [tuple(t.shape) for t in (r_t, discount_t, q_t, selector_t)]
        raise ValueError(f"expected r_t [B], discount_t [B], q_t [B, A] and selector_t [B, A], got {shapes}")
    if any(t.dtype != torch.float32 for t in (r_t, discount_t, q_t, selector_t)):
        raise ValueError("expected float32 throughout: Q-values in bfloat16 are as coarse as the gaps between actions")
