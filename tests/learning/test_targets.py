"""The record of values that a TD rule asks: each computed once, when it is asked for, in an order that is watched."""

import pytest
import torch


def values_of(agent, seen):
    return agent._targets.values(seen.transition)


@pytest.mark.parametrize("arm", ["renorm", "running", "batch", "recalibrated", "layer"])
def test_the_online_view_of_what_follows_is_refused_once_the_forward_that_learns_was_made(learner, batch, arm):
    """That forward has moved the running statistics, which the view shares."""
    values = values_of(learner(arm), batch())
    _ = values.online_tm1
    with pytest.raises(
        RuntimeError, match=r"expected online_t to be read before online_tm1, .*: swap the two in the TD rule"
    ):
        _ = values.online_t
    _ = values.target_t  # has statistics of its own


def test_what_was_asked_for_before_stays_there_to_be_read(learner, batch):
    values = values_of(learner(), batch())
    before = values.online_t
    _ = values.online_tm1
    assert values.online_t is before


def test_nothing_is_computed_that_no_rule_asks_for_and_nothing_twice(learner, batch, forwards):
    agent = learner()
    with forwards(agent.networks) as seen:
        values = values_of(agent, batch())
        assert seen == []
        for _ in range(2):
            _ = values.target_t, values.target_tm1
    assert [owner for owner, _, _ in seen] == ["target", "target"]
    assert torch.equal(seen[0][2], batch().transition.next_observation / 255)
    assert torch.equal(seen[1][2], batch().transition.observation / 255)


@pytest.mark.parametrize("arm", ["renorm", "joint"])
def test_only_what_is_learned_from_has_a_gradient(learner, batch, arm):
    values = values_of(learner(arm), batch())
    constants = (values.target_t, values.online_t, values.target_tm1)
    assert not any(output.q_values.requires_grad for output in constants)
    assert values.online_tm1.q_values.requires_grad


def test_without_a_target_network_both_views_are_halves_of_one_forward(learner, batch, forwards):
    agent = learner("joint")
    with forwards(agent.networks) as seen:
        values = values_of(agent, batch())
        now, after = values.online_tm1, values.online_t  # any order: there is one forward
        assert torch.equal(values.target_tm1.q_values, now.q_values)
        assert torch.equal(values.target_t.q_values, after.q_values)
    assert len(seen) == 1


def test_a_rule_of_ones_own_may_ask_for_the_targets_values_of_s(learner, batch):
    """As Munchausen DQN does."""
    agent = learner()
    agent.update(batch())
    values = values_of(agent, batch(1))
    with torch.no_grad():
        expected = agent.networks.target(batch(1).transition.observation).q_values
    torch.testing.assert_close(values.target_tm1.q_values, expected, rtol=1e-4, atol=1e-5)
