"""Quantile regression of returns, one function per named algorithm.

Dabney et al. 2018, "Distributional Reinforcement Learning with Quantile Regression". Time indices as in
`rlvision.losses.td`.
"""

import torch
from torch import Tensor

from rlvision.losses.td import TDLoss, check_q_learning, huber
from rlvision.types import QOutput


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
