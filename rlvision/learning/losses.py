"""Temporal-difference learning of action values, one function per named algorithm.

Time indices as in Sutton and Barto: an action ``a_tm1`` taken at t-1 brings the reward ``r_t``, and ``discount_t``
weighs what follows: γ^m after m rewards, 0 where the episode terminated.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rlvision.core.types import QOutput


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


def quantile_q_learning(
    q_tm1: QOutput, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: QOutput, _: QOutput
) -> TDLoss:
    """The loss of QR-DQN (Dabney et al. 2018, algorithm 1): the bootstrap action has the target's own largest mean."""
    return _regression(q_tm1, a_tm1, r_t, discount_t, q_t, q_t.q_values)


def double_quantile_q_learning(
    q_tm1: QOutput, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: QOutput, online: QOutput
) -> TDLoss:
    """QR-DQN whose bootstrap action the online network chooses (van Hasselt et al. 2016)."""
    return _regression(q_tm1, a_tm1, r_t, discount_t, q_t, online.q_values)


def quantile_huber(prediction: Tensor, target: Tensor) -> Tensor:
    """The quantile Huber loss with κ = 1 (Dabney et al. 2018, equations 9 and 10), [B].

    Summed over the predicted quantiles, of which number i is drawn to the share (2i - 1) / 2K of the targets, and
    averaged over the targets.

    Args:
        prediction: quantiles [B, K] float32.
        target: samples of the return, each as likely as the others [B, J] float32.
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


def _regression(
    q_tm1: QOutput, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: QOutput, selector_t: Tensor
) -> TDLoss:
    check_q_learning(q_t.q_values, selector_t, r_t, discount_t)
    prediction = _of_action(q_tm1, a_tm1)  # [B, K]
    after = _of_action(q_t, selector_t.argmax(dim=1))  # [B, K]
    target = (r_t.unsqueeze(1) + discount_t.unsqueeze(1) * after).detach()
    return TDLoss(quantile_huber(prediction, target), target.mean(1) - prediction.detach().mean(1))


def _of_action(output: QOutput, action: Tensor) -> Tensor:
    """Quantiles [B, K] of one action [B] each."""
    quantiles = output.quantiles
    if quantiles is None:
        raise ValueError("expected quantiles [B, A, K] of the head, got Q-values alone: give it some")
    if quantiles.dtype != torch.float32:
        raise ValueError(f"expected float32 quantiles, got {quantiles.dtype}: heads leave autocast")
    index = action.view(-1, 1, 1).expand(-1, 1, quantiles.shape[2])
    return quantiles.gather(1, index).squeeze(1)
