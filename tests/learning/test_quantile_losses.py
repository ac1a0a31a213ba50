"""Quantile regression against sums written out, and against the quantiles of known returns."""

import pytest
import torch

from rlvision.core.types import QOutput
from rlvision.learning.losses import quantile_huber

R_T = torch.tensor([1.0, 0.5])
DISCOUNT_T = torch.tensor([0.9, 0.0])  # the second one terminated


def of_quantiles(values: list[list[list[float]]]) -> QOutput:
    quantiles = torch.tensor(values)
    return QOutput(quantiles.mean(2), quantiles=quantiles)


Q_TM1 = of_quantiles([[[0.0, 1.0], [9.0, 9.0]], [[9.0, 9.0], [-1.0, 3.0]]])
A_TM1 = torch.tensor([0, 1])
Q_T = of_quantiles([[[1.0, 3.0], [0.0, 5.0]], [[7.0, 7.0], [8.0, 8.0]]])  # means 2 and 2.5, 7 and 8
SELECTOR_T = of_quantiles([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])


@pytest.fixture
def td_loss(td_rule, values_of, transition_of):
    """The loss of the two transitions, of others where they are named."""

    def of_values(q_tm1=Q_TM1, q_t=Q_T, r_t=R_T, *, double=False):
        return td_rule("qr_dqn", double=double)(
            values_of(q_tm1, q_t, SELECTOR_T), transition_of(A_TM1, r_t, DISCOUNT_T)
        )

    return of_values


def written_out(prediction: list[float], target: list[float]) -> float:
    """Dabney et al. 2018, equations 9 and 10, as they stand."""
    total = 0.0
    for i, quantile in enumerate(prediction):
        share = (2 * i + 1) / (2 * len(prediction))
        for sample in target:
            u = sample - quantile
            huber = 0.5 * u**2 if abs(u) <= 1 else abs(u) - 0.5
            total += abs(share - (1.0 if u < 0 else 0.0)) * huber / len(target)
    return total


def test_the_loss_is_the_sum_written_out():
    prediction, target = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)), torch.linspace(-3, 3, 20)
    target = target.reshape(5, 4)
    expected = [written_out(row.tolist(), to.tolist()) for row, to in zip(prediction, target, strict=True)]
    torch.testing.assert_close(quantile_huber(prediction, target), torch.tensor(expected))


def test_qr_dqn_bootstraps_from_the_action_with_the_largest_mean(td_loss):
    td = td_loss()
    targets = [[1 + 0.9 * 0, 1 + 0.9 * 5], [0.5, 0.5]]
    expected = [written_out([0.0, 1.0], targets[0]), written_out([-1.0, 3.0], targets[1])]
    torch.testing.assert_close(td.loss, torch.tensor(expected))
    torch.testing.assert_close(td.td_error, torch.tensor([3.25 - 0.5, 0.5 - 1.0]))


def test_double_values_the_online_networks_choice(td_loss):
    td = td_loss(double=True)
    assert td.loss[0].item() == pytest.approx(written_out([0.0, 1.0], [1 + 0.9 * 1, 1 + 0.9 * 3]))
    torch.testing.assert_close(td.td_error, torch.tensor([2.8 - 0.5, 0.5 - 1.0]))


def test_only_the_taken_actions_quantiles_have_a_gradient(td_loss):
    quantiles = Q_TM1.quantiles.clone().requires_grad_()
    q_t = QOutput(Q_T.q_values, quantiles=Q_T.quantiles.clone().requires_grad_())
    td = td_loss(QOutput(quantiles.mean(2), quantiles=quantiles), q_t)
    assert not td.td_error.requires_grad
    td.loss.sum().backward()
    assert (quantiles.grad != 0).any(dim=2).tolist() == [[True, False], [False, True]]
    assert q_t.quantiles.grad is None


def test_gradient_descent_finds_the_quantiles_of_a_known_return():
    """Rewards of 0 or 10, in the share of 3 to 7: the lowest three of ten quantiles are 0, the others 10."""
    prediction = torch.full((1, 10), 5.0, requires_grad=True)
    target = torch.tensor([[0.0] * 3 + [10.0] * 7])
    optimiser = torch.optim.SGD([prediction], lr=1.0)
    for _ in range(2_000):
        optimiser.zero_grad()
        quantile_huber(prediction, target).sum().backward()
        optimiser.step()
    found = prediction.detach()[0]
    assert found[:3].max() < 1
    assert found[3:].min() > 9
    torch.testing.assert_close(found.mean(), torch.tensor(7.0), atol=0.2, rtol=0)


@pytest.mark.parametrize(
    ("r_t", "prediction", "target"),
    [
        (torch.ones(1), torch.ones(2, 3), torch.ones(1, 3)),  # would be broadcast
        (R_T.double(), torch.ones(2), torch.ones(2, 3)),
    ],
)
def test_wrong_shapes_and_types_are_refused(td_loss, r_t, prediction, target):
    with pytest.raises(ValueError, match="expected"):
        td_loss(r_t=r_t)
    with pytest.raises(ValueError, match=r"expected prediction \[B, K\] and target \[B, J\]"):
        quantile_huber(prediction, target)


def test_a_head_without_quantiles_and_bfloat16_are_refused(td_loss):
    with pytest.raises(ValueError, match=r"expected quantiles \[B, A, K\] of the head"):
        td_loss(QOutput(Q_TM1.q_values))
    coarse = QOutput(Q_T.q_values, quantiles=Q_T.quantiles.bfloat16())
    with pytest.raises(ValueError, match="expected float32 quantiles"):
        td_loss(q_t=coarse)
