"""Checks for NaN and infinity in losses, gradients and weights, with errors that name the batch at fault."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from rlvision.core.errors import DivergedError
from rlvision.core.types import Batch

REMEDY = (
    "lower optimiser.learning_rate or optimiser.max_grad_norm and begin another run; the last checkpoint is from before"
)
_NAMED = 8
"""Largest number of transitions listed in an error."""


def divergence_error(batch: Batch, loss: Tensor, q_values: Tensor, grad_norm: Tensor, updates: int) -> DivergedError:
    """Return an error that names the update that diverged and its batch.

    Args:
        batch: of B transitions.
        loss: the loss of each transition, [B].
        q_values: of the online network, [B, A].
        grad_norm: norm of the gradient, [].
        updates: number of updates before this one.
    """
    return DivergedError(
        f"expected a finite loss and gradient, got a norm of {grad_norm.item()} from a loss of {loss.mean().item()} in "
        f"update {updates + 1:,} ({_at_fault(batch.index, loss)}; {_ranges(batch, q_values)}): {REMEDY}"
    )


def require_finite(row: Mapping[str, float]) -> None:
    """Stop a run whose metrics show that it diverged.

    A GPU run is checked here only: its learner never waits for the device.

    Raises:
        DivergedError: the loss or the gradient norm is not a finite number.
    """
    for name in ("loss/td", "optimiser/grad_norm"):
        if not math.isfinite(row.get(name, 0.0)):
            raise DivergedError(f"expected a finite {name}, got {row[name]}: {REMEDY}")


def require_finite_weights(weights: Mapping[str, Tensor], updates: int) -> None:
    """Refuse weights with NaN or infinity before they are saved over finite ones; wait for the device once.

    Args:
        weights: parameters and buffers by name.
        updates: number of updates so far.

    Raises:
        DivergedError: a tensor holds NaN or infinity; the message names all such tensors.
    """
    names = [name for name, tensor in weights.items() if tensor.is_floating_point()]
    if not names:
        return
    finite = torch.stack([weights[name].isfinite().all() for name in names]).tolist()
    broken = [name for name, is_finite in zip(names, finite, strict=True) if not is_finite]
    if broken:
        raise DivergedError(
            f"expected finite weights after {updates:,} updates, got NaN or infinity in {', '.join(broken)}: {REMEDY}"
        )


def _at_fault(index: Tensor, loss: Tensor) -> str:
    """Describe the transitions without a finite loss, or else the one with the largest loss."""
    broken = index[~loss.isfinite()].tolist()
    if not broken:
        return f"all losses are finite, the largest that of transition {int(index[loss.argmax()])}"
    more = ", …" if len(broken) > _NAMED else ""
    listed = ", ".join(str(number) for number in broken[:_NAMED])
    return f"{len(broken)} of {len(index)} transitions without a finite loss: {listed}{more}"


def _ranges(batch: Batch, q_values: Tensor) -> str:
    transition = batch.transition
    return (
        f"rewards {_range(transition.reward)}, discounts {_range(transition.discount)}, "
        f"|Q| up to {q_values.abs().max().item():g}"
    )


def _range(values: Tensor) -> str:
    return f"{values.min().item():g} to {values.max().item():g}"
