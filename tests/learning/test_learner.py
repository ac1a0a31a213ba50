"""The learner: one update by hand, and the contract on BatchNorm line by line, as far as the learner keeps it."""

import copy
import io
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from rlvision.core.devices import make_autocast
from rlvision.core.errors import DivergedError
from rlvision.core.types import Batch, QOutput, Transition
from rlvision.learning.learner import QLearner
from rlvision.learning.losses import double_q_target, huber
from rlvision.learning.schedules import Linear
from rlvision.learning.targets import split_batch
from rlvision.nn.encoder_base import as_float
from rlvision.nn.heads import LinearHead
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.statistics import statistics_layers

SIZE, ROWS = 29, 8  # of the frames and of the batches of conftest.py
CALIBRATION = 4
WITH_TARGET = [name for name, variant in NORM_VARIANTS.items() if variant.target != "joint"]
EVALUATING_TARGET = [name for name, variant in NORM_VARIANTS.items() if variant.target in ("eval", "recalibrated")]
MEASURED = [
    "renorm",
    "running",
    "batch",
    "fixed",
    "frozen",
    "recalibrated",
]  # with running statistics and a target


def test_the_halves_of_a_joint_forward() -> None:
    values, quantiles = torch.randn(4, 2).requires_grad_(), torch.randn(4, 2, 3).requires_grad_()
    now, after = split_batch(QOutput(values, quantiles=quantiles))
    assert now.q_values.equal(values[:2])
    assert after.q_values.equal(values[2:])
    assert now.quantiles.equal(quantiles[:2])
    assert after.quantiles.equal(quantiles[2:])
    assert (now.quantiles.requires_grad, after.quantiles.requires_grad) == (True, False)
    assert (now.q_values.requires_grad, after.q_values.requires_grad) == (True, False)
    assert split_batch(QOutput(values))[1].quantiles is None


# One update by hand: Q(s) = W s + b on two pixels, s = (1, 0) and s' = (0, 1).


class Pixels(nn.Module):
    """The two pixels themselves."""

    features = 2

    def forward(self, observation: Tensor) -> Tensor:
        return as_float(observation).flatten(1)


def linear_network() -> QNetwork:
    net = QNetwork(Pixels(), LinearHead(2, 2))
    with torch.no_grad():
        net.head.q.weight.copy_(torch.tensor([[0.5, 1.0], [0.0, 2.0]]))  # [A, F]: Q(s) = (0.5, 0), Q(s') = (1, 2)
        net.head.q.bias.zero_()
    return net


def linear_batch(weights: tuple[float, float] = (1.0, 0.5)) -> Batch:
    """Row 0 goes on: its error is 1 + 0.5 * 2 - 0.5 = 1.5. Row 1 is over: its error is -2 - 0 = -2."""
    s, after = torch.tensor([[[[255, 0]]]] * 2), torch.tensor([[[[0, 255]]]] * 2)
    transition = Transition(
        observation=s.to(torch.uint8),
        action=torch.tensor([0, 1]),
        reward=torch.tensor([1.0, -2.0]),
        discount=torch.tensor([0.5, 0.0]),
        next_observation=after.to(torch.uint8),
    )
    return Batch(transition, torch.arange(2), torch.tensor(weights))


@pytest.fixture
def linear_learner(learner):
    """A learner of the two pixels, by plain gradient descent."""

    def made(**settings: Any) -> QLearner:
        defaults = {"optimiser": "sgd", "learning_rate": 0.1, "loss": "mse", "max_grad_norm": None}
        return learner("none", online=linear_network(), **{**defaults, **settings})

    return made


def test_an_infinite_loss_is_refused_though_its_gradient_is_finite(snapshot, equal, linear_learner) -> None:
    """Beyond an error of 1 the penalty's gradient is 1, however large the error."""
    agent = linear_learner(loss="huber")
    before = snapshot(agent.networks.online)
    seen = linear_batch()
    endless = replace(seen, transition=replace(seen.transition, reward=torch.tensor([1.0, float("inf")])))
    with pytest.raises(DivergedError, match=r"got a norm of \d.* from a loss of inf in update 1 "):
        agent.update(endless)
    assert equal(before, snapshot(agent.networks.online))


def test_one_step_of_sgd_by_hand(linear_learner) -> None:
    agent = linear_learner()
    update = agent.update(linear_batch())
    assert update.loss.item() == pytest.approx((0.5 * 1.5**2 + 0.5 * 0.5 * 2**2) / 2)
    assert update.priority.tolist() == [1.5, 2.0]
    # gradients of the mean: -1.5 / 2 at action 0, 0.5 * 2 / 2 at action 1; only the first pixel is lit
    head = agent.networks.online.head.q
    torch.testing.assert_close(head.weight.detach(), torch.tensor([[0.5 + 0.075, 1.0], [-0.05, 2.0]]))
    torch.testing.assert_close(head.bias.detach(), torch.tensor([0.075, -0.05]))
    gradient = (2 * 0.75**2 + 2 * 0.5**2) ** 0.5
    metrics = {name: float(value) for name, value in update.metrics.items()}
    assert metrics == pytest.approx(
        {
            "loss/td": update.loss.item(),
            "td_error/mean_abs": 1.75,
            "q/mean": 0.5,
            "q/max": 0.5,
            "optimiser/grad_norm": gradient,
        }
    )


def test_importance_weights_scale_the_loss_row_by_row(linear_learner) -> None:
    changes = []
    for weights in ((1.0, 0.0), (0.0, 1.0), (2.0, 3.0), (0.0, 0.0)):
        agent = linear_learner()
        agent.update(linear_batch(weights))
        changes.append(agent.networks.online.head.q.weight.detach() - linear_network().head.q.weight.detach())
    torch.testing.assert_close(changes[2], 2 * changes[0] + 3 * changes[1])
    assert changes[0].abs().max() > 0.01
    assert changes[1].abs().max() > 0.01
    assert not changes[3].any()


def test_the_learning_rate_follows_the_updates(linear_learner) -> None:
    rates = [0.1, 0.0, 0.02]
    agent = linear_learner(learning_rate=lambda updates: rates[updates])
    head = agent.networks.online.head.q
    steps = []
    for rate in rates:
        assert agent.metrics() == {"optimiser/learning_rate": rate}
        before = head.weight.detach().clone()
        agent.update(linear_batch())
        steps.append(before - head.weight.detach())
        torch.testing.assert_close(steps[-1], rate * head.weight.grad, rtol=1e-4, atol=1e-6)
    assert not steps[1].any()
    assert steps[2].any()


@pytest.mark.parametrize("bound", [0.25, 100.0, None])
def test_clipping_bounds_the_step_and_keeps_its_direction(linear_learner, bound: float | None) -> None:
    agent, free = linear_learner(learning_rate=1.0, max_grad_norm=bound), linear_learner(learning_rate=1.0)
    start = linear_network().head.q
    norm = float(agent.update(linear_batch()).metrics["optimiser/grad_norm"])  # as it was before
    free.update(linear_batch())
    step, free_step = (
        torch.cat(
            [(a.networks.online.head.q.weight - start.weight).flatten(), a.networks.online.head.q.bias - start.bias]
        )
        for a in (agent, free)
    )
    assert norm == pytest.approx(free_step.norm().item())
    assert step.norm().item() == pytest.approx(min(norm, bound or norm), rel=1e-4)
    assert torch.cosine_similarity(step, free_step, dim=0).item() == pytest.approx(1.0)


# An update equals a naive one.


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("variant", EVALUATING_TARGET)
def test_an_update_equals_its_naive_twin(batch, learner, variant: str, double: bool) -> None:
    agent = learner(variant, double=double, target_period=1_000, learning_rate=0.02)
    for seed in range(3):  # online and target part
        agent.update(batch(seed))
    t, networks = batch(7).transition, agent.networks
    training, evaluating = copy.deepcopy(networks.online), copy.deepcopy(networks.actor)
    with torch.no_grad():
        q_tm1, q_t = training(t.observation).q_values, networks.target(t.next_observation).q_values
        selector_t = evaluating(t.next_observation).q_values if double else q_t
    error = double_q_target(t.reward, t.discount, q_t, selector_t) - q_tm1[torch.arange(ROWS), t.action]
    update = agent.update(batch(7))
    torch.testing.assert_close(update.priority, error.abs(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(update.loss, huber(error, torch.zeros(ROWS)).mean(), rtol=1e-4, atol=1e-4)
    if variant == "running":  # the twin could tell a selector in train mode
        in_train_mode = copy.deepcopy(training)(t.next_observation).q_values
        assert (in_train_mode.argmax(1) != evaluating(t.next_observation).q_values.argmax(1)).any()


# The contract, 2 and 3: who runs on what, and in which mode.


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("variant", EVALUATING_TARGET)
def test_one_train_mode_forward_on_s_alone(batch, learner, forwards, variant: str, double: bool) -> None:
    agent = learner(variant, double=double, target_period=1_000)
    t = batch().transition
    with forwards(agent.networks) as seen:
        agent.update(batch())
    assert [(owner, modes) for owner, modes, _ in seen] == [
        ("target", {False}),
        *([("online", {False})] if double else []),
        ("online", {True}),
    ]
    assert torch.equal(seen[-1][2], as_float(t.observation))
    assert all(torch.equal(observation, as_float(t.next_observation)) for _, _, observation in seen[:-1])


def test_joint_has_one_forward_of_both_and_no_target(batch, learner, forwards, snapshot, equal) -> None:
    agent = learner("joint", target_period=1)
    t, target = batch().transition, snapshot(agent.networks.target)
    twin = copy.deepcopy(agent.networks.online)
    with forwards(agent.networks) as seen:
        update = agent.update(batch())
    assert [(owner, modes) for owner, modes, _ in seen] == [("online", {True})]
    both = torch.cat([t.observation, t.next_observation])
    assert torch.equal(seen[0][2], as_float(both))
    assert equal(snapshot(agent.networks.target), target)
    with torch.no_grad():
        now, after = twin(both).q_values.split(ROWS)
    error = t.reward + t.discount * after.max(1).values - now[torch.arange(ROWS), t.action]
    torch.testing.assert_close(update.priority, error.abs(), rtol=1e-4, atol=1e-4)


def test_batch_targets_normalise_by_the_batch_and_leave_their_buffers_alone(batch, learner, snapshot, equal) -> None:
    agent = learner("batch", double=False, target_period=1_000)
    t, target = batch().transition, snapshot(agent.networks.target)
    twins = copy.deepcopy(agent.networks.target), copy.deepcopy(agent.networks.online)
    update = agent.update(batch())
    assert equal(snapshot(agent.networks.target), target)
    for layer in statistics_layers(twins[0]):
        layer.train()
    with torch.no_grad():
        q_t, q_tm1 = twins[0](t.next_observation).q_values, twins[1](t.observation).q_values
    error = t.reward + t.discount * q_t.max(1).values - q_tm1[torch.arange(ROWS), t.action]
    torch.testing.assert_close(update.priority, error.abs(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", MEASURED)
def test_statistics_count_one_batch_per_update(batch, learner, variant: str) -> None:
    agent = learner(variant, calibration_batches=CALIBRATION, target_period=1_000)
    for seed in range(3):
        agent.update(batch(seed))
        layers = statistics_layers(agent.networks.online)
        assert [int(layer.num_batches_tracked) for layer in layers] == [CALIBRATION + seed + 1] * 3


@pytest.mark.parametrize("variant", NORM_VARIANTS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_arm_moves_every_weight(batch, learner, snapshot, variant: str, precision: str) -> None:
    """Under autocast the acting network's cast weights must not stand in for those that learn."""
    agent = learner(variant, precision=precision, optimiser="sgd", learning_rate=1.0, max_grad_norm=None)
    before = snapshot(agent.networks.online)
    update = agent.update(batch())
    assert torch.isfinite(update.loss)
    moved = {
        name: (parameter.detach() - before[name]).norm().item()
        for name, parameter in agent.networks.online.named_parameters()
        if not name.startswith("encoder.conv") or not name.endswith("bias")  # a mean takes these out again
    }
    assert min(moved.values()) > 1e-4, moved
    diagnosed = agent.diagnose()
    assert ("bn/gap" in diagnosed) == bool(statistics_layers(agent.networks.online))
    assert all(torch.isfinite(value) for value in diagnosed.values())


# The contract, 5: how the target follows.


@pytest.mark.parametrize("variant", WITH_TARGET)
def test_the_target_stands_still_between_hard_copies(batch, learner, snapshot, equal, variant: str) -> None:
    agent = learner(variant, target_period=3)
    target, copied = snapshot(agent.networks.target), []
    for updates in range(1, 8):
        agent.update(batch(updates))
        now = snapshot(agent.networks.target)
        if not equal(now, target):
            copied.append(updates)
            assert equal(dict(agent.networks.target.named_parameters()), dict(agent.networks.online.named_parameters()))
            assert equal(now, agent.networks.online.state_dict()) or variant == "recalibrated"  # statistics and all
        target = now
    assert copied == [3, 6]


@pytest.mark.parametrize("variant", ["renorm", "running", "batch", "fixed", "frozen"])
def test_soft_copies_move_parameters_by_tau_and_copy_the_statistics(
    batch, learner, snapshot, statistics, equal, variant: str
) -> None:
    agent = learner(variant, target_tau=0.25)
    for seed in range(3):
        before = snapshot(agent.networks.target)
        agent.update(batch(seed))
        now, online = agent.networks.target.state_dict(), agent.networks.online.state_dict()
        for name, _ in agent.networks.online.named_parameters():
            torch.testing.assert_close(now[name], 0.75 * before[name] + 0.25 * online[name])
        assert equal(statistics(agent.networks.target), statistics(agent.networks.online))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_recalibrated_targets_are_measured_anew_at_each_copy(batch, fake_memory, learner, precision: str) -> None:
    memory = fake_memory()
    agent = learner(
        "recalibrated", memory=memory, target_period=2, calibration_batches=CALIBRATION, precision=precision
    )
    agent.update(batch(0))
    assert len(memory.drawn) == CALIBRATION  # before the first update
    agent.update(batch(1))
    assert len(memory.drawn) == 2 * CALIBRATION
    target, online = agent.networks.target.encoder, agent.networks.online.encoder
    with torch.no_grad(), make_autocast(precision, torch.device("cpu"))():
        features = [target.conv1(as_float(observation)).float() for observation in memory.drawn[CALIBRATION:]]
    mean = torch.stack([x.mean((0, 2, 3)) for x in features]).mean(0)
    torch.testing.assert_close(target.bn1.running_mean, mean, rtol=1e-4, atol=1e-5)
    assert int(target.bn1.num_batches_tracked) == CALIBRATION
    assert int(online.bn1.num_batches_tracked) == CALIBRATION + 2  # its own go on
    assert not torch.equal(online.bn1.running_mean, target.bn1.running_mean)


# 6: precision and decay.


@pytest.mark.parametrize("variant", NORM_VARIANTS)
def test_values_targets_and_loss_are_float32_under_autocast(batch, learner, variant: str) -> None:
    agent = learner(variant, precision="bfloat16", target_period=1)
    features, values = [], []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        if isinstance(module, LinearHead):
            features.append(inputs[0])
            values.append(output.q_values)

    handle = register_module_forward_hook(note)
    update = agent.update(batch())
    handle.remove()
    if variant != "layer" and variant != "group":  # autocast keeps these norms in float32
        assert {x.dtype for x in features} == {torch.bfloat16}
    for number in (*values, update.loss, update.priority):
        assert number.dtype == torch.float32
        assert not torch.equal(number, number.bfloat16().float())  # and never was anything coarser
    assert {buffer.dtype for buffer in agent.networks.online.buffers()} <= {torch.float32, torch.int64}
    assert {parameter.grad.dtype for parameter in agent.networks.online.parameters()} == {torch.float32}


def test_weights_decay_while_scales_shifts_and_biases_do_not(batch, learner, snapshot) -> None:
    agent = learner("renorm", optimiser="sgd", learning_rate=0.1, weight_decay=0.5)
    before = snapshot(agent.networks.online)
    agent.update(batch(weight=0.0))  # no gradient: what moves, decays
    for name, parameter in agent.networks.online.named_parameters():
        factor = 1 - 0.1 * 0.5 if parameter.ndim > 1 else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])


# 7: calibration.


@pytest.mark.parametrize("variant", [*MEASURED, "joint"])
def test_calibration_averages_replay_batches_once_before_the_first_update(
    batch, fake_memory, network, learner, forwards, variant: str
) -> None:
    memory, start = fake_memory(), network(NORM_VARIANTS[variant].layer)
    agent = learner(variant, memory=memory, calibration_batches=CALIBRATION, target_period=1_000)
    with forwards(agent.networks) as seen:
        agent.update(batch())
    assert [owner for owner, _, _ in seen[:CALIBRATION]] == ["online"] * CALIBRATION
    assert all(torch.equal(run[2], drawn) for run, drawn in zip(seen, memory.drawn, strict=False))
    with torch.no_grad():
        features = [start.encoder.conv1(as_float(observation)) for observation in memory.drawn]
    mean = torch.stack([x.mean((0, 2, 3)) for x in features]).mean(0)  # every batch counts the same
    var = torch.stack([x.var((0, 2, 3)) for x in features]).mean(0)
    target = agent.networks.target.encoder.bn1  # has what was measured; online has moved on
    torch.testing.assert_close(target.running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(target.running_var, var, rtol=1e-4, atol=1e-5)
    assert torch.equal(agent.networks.online.encoder.bn1.running_mean, target.running_mean) == (variant == "fixed")
    agent.update(batch(1))
    assert len(memory.drawn) == CALIBRATION


@pytest.mark.parametrize("variant", ["layer", "group", "none"])
def test_where_there_are_no_statistics_nothing_is_drawn_to_measure_them(
    batch, fake_memory, learner, variant: str
) -> None:
    memory = fake_memory()
    learner(variant, memory=memory, calibration_batches=CALIBRATION).update(batch())
    assert memory.drawn == []


def test_without_calibration_and_after_a_resume_nothing_is_drawn(batch, fake_memory, learner) -> None:
    memory, first = fake_memory(), learner()
    agent = learner(memory=memory)
    agent.update(batch())
    first.update(batch())
    resumed = learner(memory=memory, calibration_batches=CALIBRATION)
    resumed.load_state_dict(first.state_dict())
    resumed.update(batch(1))
    assert memory.drawn == []


# Failing, saving, learning.


def test_a_gradient_that_is_not_finite_stops_before_the_weights_change(batch, learner, snapshot, equal) -> None:
    agent = learner()
    agent.update(batch())
    before, moments = snapshot(agent.networks.online), copy.deepcopy(agent.optimiser.state_dict())
    target = snapshot(agent.networks.target)
    with pytest.raises(
        FloatingPointError, match=r"expected a finite loss and gradient, got a norm of nan .* in update 2 "
    ):
        agent.update(batch(1, weight=float("nan")))
    for name, parameter in agent.networks.online.named_parameters():
        assert torch.equal(parameter, before[name])
    for index, state in agent.optimiser.state_dict()["state"].items():
        assert equal(state, moments["state"][index])
    assert equal(snapshot(agent.networks.target), target)
    assert agent.updates == 1


@pytest.mark.parametrize("settings", [{}, {"target_tau": 0.1}, {"optimiser": "rmsprop", "double": False}])
@pytest.mark.parametrize("variant", ["renorm", "running", "joint"])
def test_a_saved_learner_goes_on_bit_for_bit(batch, learner, equal, variant: str, settings: dict[str, Any]) -> None:
    settings = {"target_period": 2, "learning_rate": lambda updates: 0.01 / (1 + updates), **settings}
    first, second = learner(variant, **settings), learner(variant, seed=1, **settings)
    for seed in range(3):
        first.update(batch(seed))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file))
    assert equal(dict(first.diagnose()), dict(second.diagnose()))
    for seed in range(3, 6):
        one, other = first.update(batch(seed)), second.update(batch(seed))
        assert torch.equal(one.loss, other.loss)
        assert torch.equal(one.priority, other.priority)
    assert equal(first.networks.online.state_dict(), second.networks.online.state_dict())
    assert equal(first.networks.target.state_dict(), second.networks.target.state_dict())
    assert first.updates == second.updates == 6


def test_diagnosing_changes_nothing(batch, learner, equal) -> None:
    agent = learner()
    assert agent.diagnose() == {}  # before the first update
    agent.update(batch())
    before = copy.deepcopy(agent.state_dict())
    agent.diagnose()
    assert equal(before["online"], agent.state_dict()["online"])
    assert equal(before["target"], agent.state_dict()["target"])


def bars(rows: int) -> Tensor:
    """Pictures of a bright bar that sinks, [rows, 1, H, W]."""
    pictures = torch.zeros(rows, 1, SIZE, SIZE, dtype=torch.uint8)
    for row in range(rows):
        pictures[row, :, 5 * row : 5 * row + 5] = 255
    return pictures


@pytest.mark.parametrize("variant", ["renorm", "layer"])
def test_values_of_a_chain_come_through_the_target_and_hold_while_acting(network, learner, variant: str) -> None:
    """States 0 .. 3 in a row, and a reward of 1 at the end: Q(i) = γ^(3 - i), which only bootstrapping brings there."""
    chain, gamma, length = bars(5), 0.9, 4
    transition = Transition(
        observation=chain[:-1],
        action=torch.zeros(length, dtype=torch.int64),
        reward=torch.tensor([0.0, 0.0, 0.0, 1.0]),
        discount=torch.tensor([gamma, gamma, gamma, 0.0]),
        next_observation=chain[1:],
    )
    fixed = Batch(transition, torch.arange(length), torch.ones(length))
    online = network(NORM_VARIANTS[variant].layer, actions=1)
    agent = learner(variant, online=online, target_period=25, learning_rate=Linear(5e-3, 0.0, 130))
    agent.networks.calibrate([chain[:-1]])
    for _ in range(125):
        agent.update(fixed)
    with torch.no_grad():
        values = agent.networks.actor(chain[:-1]).q_values.squeeze(1)
    torch.testing.assert_close(values, torch.tensor([0.729, 0.81, 0.9, 1.0]), rtol=0, atol=0.03)
