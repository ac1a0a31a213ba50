"""Learning that leaves the finite numbers is stopped before anything of it is kept."""

import math
import re

import pytest
import torch

from rlvision.core.errors import DivergedError
from rlvision.core.types import Batch, Transition
from rlvision.learning.finite_checks import divergence_error, require_finite, require_finite_weights

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize("name", ["loss/td", "optimiser/grad_norm"])
@pytest.mark.parametrize("value", [NAN, INF])
def test_a_run_that_diverged_is_stopped(name, value):
    with pytest.raises(DivergedError, match=f"finite {name}, got {value}: lower optimiser.learning_rate"):
        require_finite({"q/mean": 1.0, name: value})


def test_rows_before_learning_and_finite_ones_pass():
    require_finite({})
    require_finite({"loss/td": 0.1, "optimiser/grad_norm": 3.0, "q/discounted_return": NAN})


def test_weights_that_are_not_finite_are_named():
    weights = {"a": torch.ones(3), "b": torch.tensor([1.0, NAN]), "c": torch.tensor(INF), "count": torch.tensor(3)}
    with pytest.raises(DivergedError, match="after 1,234 updates, got NaN or infinity in b, c: lower"):
        require_finite_weights(weights, 1234)
    require_finite_weights({"a": weights["a"], "count": weights["count"]}, 1234)
    require_finite_weights({}, 0)


def batch(size: int) -> Batch:
    frames = torch.zeros(size, 1, 2, 2, dtype=torch.uint8)
    reward = torch.linspace(-1, 1, size)
    transition = Transition(frames, torch.zeros(size, dtype=torch.int64), reward, torch.full((size,), 0.5), frames)
    return Batch(transition, 100 + torch.arange(size), torch.ones(size))


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ([1.0, NAN, 2.0, INF], "2 of 4 transitions without a finite loss: 101, 103; rewards -1 to 1, discounts 0.5 to"),
        ([1.0, 3e38, 2.0, 3e38], "all losses are finite, the largest that of transition 101; rewards"),
        ([NAN] * 9, "9 of 9 transitions without a finite loss: 100, 101, 102, 103, 104, 105, 106, 107, …; rewards"),
    ],
)
def test_the_batch_is_described(loss, said):
    error = divergence_error(batch(len(loss)), torch.tensor(loss), torch.tensor([[-7.5, 3.0]]), torch.tensor(NAN), 41)
    assert said in str(error)
    assert re.search(r"got a norm of nan from a loss of \S+ in update 42 \(.*, \|Q\| up to 7\.5\): lower", str(error))
