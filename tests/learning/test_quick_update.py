"""The learner's short cuts around torch's gradient clipping change no bit."""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from rlvision.core.types import Transition
from rlvision.learning.learner import QLearner


def plain_update(agent: QLearner, seen: Transition, bound: float) -> float:
    """An update as torch's own functions make it; the norm of its gradient."""
    td = agent._td_rule(agent._targets.values(seen), seen)
    agent.optimiser.zero_grad()
    td.loss.mean().backward()
    norm = clip_grad_norm_(agent._parameters, bound)
    agent.optimiser.param_groups[0]["lr"] = agent._learning_rate(0)
    agent.optimiser.param_groups[1]["lr"] = agent._learning_rate(0)
    agent.optimiser.step()
    return norm.item()


@pytest.fixture
def norm_of_first_gradient(learner, batch):
    return float(learner().update(batch(0)).metrics["optimiser/grad_norm"])


@pytest.mark.parametrize("relative", [0.5, 1 - 1e-6, 1.0, 1 + 1e-7, 1 + 1e-6, 1 + 1e-5, 2.0, None])
def test_gradients_near_and_far_from_the_bound_move_the_weights_as_torch_would(
    batch, learner, norm_of_first_gradient, relative: float | None
) -> None:
    bound = None if relative is None else relative * norm_of_first_gradient
    quick, plain = learner(max_grad_norm=bound), learner(max_grad_norm=bound)
    for seed in range(2):
        norm = quick.update(batch(seed)).metrics["optimiser/grad_norm"]
        assert float(norm) == plain_update(plain, batch(seed).transition, float("inf") if bound is None else bound)
    for mine, theirs in zip(quick._parameters, plain._parameters, strict=True):
        assert torch.equal(mine, theirs)


def test_what_was_left_in_the_gradients_does_not_count(batch, learner) -> None:
    quick, plain = learner(), learner()
    for parameter in quick._parameters:
        parameter.grad = torch.full_like(parameter, 1e3)
    quick.update(batch(0)), plain.update(batch(0))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(quick._parameters, plain._parameters, strict=True))
