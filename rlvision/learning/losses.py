"""Temporal-difference targets and losses of action values, each a pure function.

Time indices follow Sutton and Barto: an action ``a_tm1`` taken at t-1 brings the reward ``r_t``, and ``discount_t``
weighs the value that follows: γ^m after m rewards, 0 if the episode terminated. An agent's own file shows which of
these functions it uses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from rlvision.core.errors import ConfigError
from rlvision.core.types import Transition

if TYPE_CHECKING:
    from rlvision.learning.targets import Values


@dataclass(frozen=True, slots=True)
class TDLoss:
    """The losses and TD errors of a batch's transitions."""

    loss: Tensor  # [B]
    td_error: Tensor  # [B] target minus prediction, without gradient


def checked_loss(found: object, batch_size: int) -> TDLoss:
    """Return the result of an agent's rule, which may be a user's own.

    Raises:
        ConfigError: it is no `TDLoss` of B losses and B errors.
    """
    if isinstance(found, TDLoss) and found.loss.shape == found.td_error.shape == (batch_size,):
        return found
    got = f"{list(found.loss.shape)} and {list(found.td_error.shape)}" if isinstance(found, TDLoss) else ""
    raise ConfigError(
        f"expected td_loss to return TDLoss(loss, td_error), each [{batch_size}], got "
        f"{got or type(found).__name__}: return both, one number a transition (rlvision.learning.TDLoss)"
    )


TDRule = Callable[["Values", Transition], TDLoss]
"""(values, transition) -> the loss of a batch; it reads the values of s' before those of s."""

ElementwiseLoss = Callable[[Tensor, Tensor], Tensor]
"""(prediction, target) -> loss, all of one shape."""


def online_selector(values: "Values") -> Tensor:
    """Return the Q-values [B, A] by which the online network chooses the bootstrap action (van Hasselt et al. 2016)."""
    return values.online_t.q_values


def target_selector(values: "Values") -> Tensor:
    """Return the Q-values [B, A] by which the target network chooses the bootstrap action (Mnih et al. 2015)."""
    return values.target_t.q_values


def huber(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the Huber loss of each element, quadratic up to an error of 1 and linear beyond (Huber 1964).

    This is the "error clipping" of Mnih et al. 2015.
    """
    return F.smooth_l1_loss(prediction, target, reduction="none")


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Return half the squared error of each element."""
    return 0.5 * (prediction - target).square()


ELEMENTWISE_LOSSES: Mapping[str, ElementwiseLoss] = {"huber": huber, "mse": mse}


def q_target(r_t: Tensor, discount_t: Tensor, q_t: Tensor) -> Tensor:
    """Return the target of Q-learning [B], ``r_t + discount_t * max_a q_t(a)`` (Watkins 1989)."""
    return double_q_target(r_t, discount_t, q_t, q_t)


def double_q_target(r_t: Tensor, discount_t: Tensor, q_t: Tensor, selector_t: Tensor) -> Tensor:
    """Return the target of Double Q-learning [B] (van Hasselt et al. 2016), a constant to the gradient.

    ``r_t + discount_t * q_t(argmax_a selector_t(a))``

    Args:
        r_t: rewards (n-step returns) [B] float32.
        discount_t: discounts [B] float32.
        q_t: the target network's values of the next observation [B, A] float32.
        selector_t: the values that choose the action [B, A] float32.

    Raises:
        ValueError: a shape or a dtype differs.
    """
    check_q_learning(q_t, selector_t, r_t, discount_t)
    return (r_t + discount_t * of_action(q_t, selector_t.argmax(dim=1))).detach()


def lambda_returns(r_t: Tensor, discount_t: Tensor, v_t: Tensor, lambda_t: Tensor) -> Tensor:
    """Return the λ-returns G [T, N] of T steps, constants to the gradient (Sutton and Barto 2018, section 12.1).

    ``G_tm1 = r_t + discount_t * ((1 - lambda_t) * v_t + lambda_t * G_t)``, from the last step backwards. After the
    last step, G_t is v_t. For Q-learning v_t is ``max_a q_t(a)``: Peng's Q(λ) (Peng and Williams 1996).

    Args:
        r_t: rewards [T, N] float32.
        discount_t: discounts [T, N] float32, 0 where the episode terminated.
        v_t: values of the next observation [T, N] float32.
        lambda_t: λ [T, N] float32, 0 where no return follows the next observation.

    Raises:
        ValueError: a shape or a dtype differs.
    """
    given = (r_t, discount_t, v_t, lambda_t)
    if r_t.dim() != 2 or len({tuple(t.shape) for t in given}) > 1 or any(t.dtype != torch.float32 for t in given):
        got = [(tuple(t.shape), t.dtype) for t in given]
        raise ValueError(f"expected r_t, discount_t, v_t and lambda_t [T, N] float32, got {got}")
    returns, g_t = torch.empty_like(r_t), v_t[-1]
    for t in reversed(range(len(r_t))):
        g_t = r_t[t] + discount_t[t] * torch.lerp(v_t[t], g_t, lambda_t[t])
        returns[t] = g_t
    return returns.detach()


def quantile_targets(r_t: Tensor, discount_t: Tensor, quantiles_t: Tensor, selector_t: Tensor) -> Tensor:
    """Return the target quantiles of QR-DQN [B, K] (Dabney et al. 2018, algorithm 1), constants to the gradient.

    ``r_t + discount_t * θ_j(argmax_a selector_t(a))`` for each quantile j of the next observation.

    Args:
        r_t: rewards (n-step returns) [B] float32.
        discount_t: discounts [B] float32.
        quantiles_t: the target network's quantiles of the next observation [B, A, K] float32.
        selector_t: the values that choose the action [B, A] float32.

    Raises:
        ValueError: a shape or a dtype differs.
    """
    check_quantiles(quantiles_t)
    check_q_learning(quantiles_t[:, :, 0], selector_t, r_t, discount_t)
    return (r_t.unsqueeze(1) + discount_t.unsqueeze(1) * of_action(quantiles_t, selector_t.argmax(dim=1))).detach()


def quantile_huber(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the quantile Huber loss [B] with κ = 1 (Dabney et al. 2018, equations 9 and 10).

    It is summed over the predicted quantiles and averaged over the targets. Quantile i of K has the level
    (2i - 1) / 2K.

    Args:
        prediction: quantiles [B, K] float32.
        target: equally likely samples of the return [B, J] float32.

    Raises:
        ValueError: a shape differs.
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
    """Select the values [B] or [B, K] of one action [B] per row from [B, A] or [B, A, K]."""
    index = action.view(-1, 1, *(1,) * (values.dim() - 2)).expand(-1, 1, *values.shape[2:])
    return values.gather(1, index).squeeze(1)


def check_q_learning(q_t: Tensor, selector_t: Tensor, r_t: Tensor, discount_t: Tensor) -> None:
    """Check shapes and dtypes of the arguments of `double_q_target`.

    Raises:
        ValueError: a shape or a dtype differs.
    """
    rows = q_t.shape[:1]
    if q_t.dim() != 2 or selector_t.shape != q_t.shape or r_t.shape != rows or discount_t.shape != rows:
        shapes = [tuple(t.shape) for t in (r_t, discount_t, q_t, selector_t)]
        raise ValueError(f"expected r_t [B], discount_t [B], q_t [B, A] and selector_t [B, A], got {shapes}")
    if any(t.dtype != torch.float32 for t in (r_t, discount_t, q_t, selector_t)):
        dtypes = [t.dtype for t in (r_t, discount_t, q_t, selector_t)]
        raise ValueError(
            f"expected float32 throughout, got {dtypes}: convert them, as bfloat16 is too coarse to compare actions"
        )


def check_quantiles(quantiles: Tensor | None) -> Tensor:
    """Return ``quantiles`` if they exist and are float32.

    Raises:
        ValueError: the head has none, or they are not float32.
    """
    if quantiles is None:
        raise ValueError("expected quantiles [B, A, K] of the head, got Q-values alone: make the head with quantiles=K")
    if quantiles.dtype != torch.float32:
        raise ValueError(f"expected float32 quantiles, got {quantiles.dtype}: heads leave autocast")
    return quantiles
