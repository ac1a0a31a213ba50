"""TD rules against numbers worked out by hand."""

import pytest
import torch

from rlvision.core.errors import ConfigError
from rlvision.core.types import QOutput
from rlvision.learning.losses import TDLoss, checked_loss, double_q_target, huber, mse, q_target

R_T = torch.tensor([1.0, 0.5, -1.0])
DISCOUNT_T = torch.tensor([0.9, 0.81, 0.0])  # the last one terminated
Q_T = torch.tensor([[1.0, 2.0], [3.0, -1.0], [50.0, 60.0]])
SELECTOR_T = torch.tensor([[5.0, 4.0], [0.0, 1.0], [0.0, 1.0]])


def test_q_target_takes_the_targets_own_maximum():
    torch.testing.assert_close(q_target(R_T, DISCOUNT_T, Q_T), torch.tensor([1 + 0.9 * 2, 0.5 + 0.81 * 3, -1.0]))


def test_double_q_target_values_the_selectors_choice():
    expected = torch.tensor([1 + 0.9 * 1, 0.5 + 0.81 * -1, -1.0])
    torch.testing.assert_close(double_q_target(R_T, DISCOUNT_T, Q_T, SELECTOR_T), expected)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (huber, [0.5 * 0.3**2, 2.0 - 0.5, 0.5 * 1.0]),  # errors 0.3, 2 and 1
        (mse, [0.5 * 0.3**2, 0.5 * 4.0, 0.5 * 1.0]),
    ],
)
def test_penalties(penalty, expected):
    prediction, target = torch.tensor([1.0, -1.0, 4.0]), torch.tensor([1.3, 1.0, 3.0])
    torch.testing.assert_close(penalty(prediction, target), torch.tensor(expected))


def test_loss_reads_the_taken_action_and_sends_no_gradient_into_the_target(td_rule, values_of, transition_of):
    q_tm1 = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]], requires_grad=True)
    q_t = Q_T.clone().requires_grad_()
    values = values_of(QOutput(q_tm1), QOutput(q_t), QOutput(SELECTOR_T))
    seen = transition_of(torch.tensor([1, 0, 1]), R_T, DISCOUNT_T)
    td = td_rule("dqn", double=False, loss="mse")(values, seen)
    torch.testing.assert_close(td.td_error, torch.tensor([2.8 - 1.0, 2.93 - 2.0, -1.0]))
    td.loss.sum().backward()
    # the gradient of half a squared error is minus the error, at the taken action only
    torch.testing.assert_close(q_tm1.grad, torch.tensor([[0.0, -1.8], [-0.93, 0.0], [0.0, 1.0]]))
    assert q_t.grad is None
    assert not td.td_error.requires_grad


def test_double_differs_from_plain_exactly_where_the_networks_disagree(td_rule, values_of, transition_of):
    values = values_of(QOutput(torch.zeros(3, 2)), QOutput(Q_T), QOutput(SELECTOR_T))
    seen = transition_of(torch.zeros(3, dtype=torch.int64), R_T, DISCOUNT_T)
    plain, double = (td_rule("dqn", double=double)(values, seen).td_error for double in (False, True))
    assert (plain != double).tolist() == [True, True, False]  # the third has a discount of zero


def test_bfloat16_and_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="float32"):
        q_target(R_T, DISCOUNT_T, Q_T.bfloat16())
    with pytest.raises(ValueError, match=r"\[B, A\]"):
        q_target(R_T, DISCOUNT_T, Q_T[:2])


@pytest.mark.parametrize(
    ("found", "got"),
    [
        (torch.zeros(()), "Tensor"),
        (TDLoss(torch.zeros(()), torch.zeros(3)), r"\[\] and \[3\]"),
        (TDLoss(torch.zeros(3), torch.zeros(3, 1)), r"\[3\] and \[3, 1\]"),
    ],
)
def test_a_rule_of_the_users_own_returns_a_loss_and_an_error_for_each_transition(found, got):
    right = TDLoss(torch.zeros(3), torch.ones(3))
    assert checked_loss(right, 3) is right
    with pytest.raises(ConfigError, match=rf"return TDLoss\(loss, td_error\), each \[3\], got {got}: return"):
        checked_loss(found, 3)
