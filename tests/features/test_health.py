"""The health of a network: each number by hand, without a trace."""

import copy
import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rlvision.features.health import STATES, Health, effective_rank
from rlvision.nn.dn import DNEncoder
from rlvision.nn.heads import LinearHead
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineActor, OnlineTargetActor

ACTIONS = 4


def frames(batch: int = 8) -> Tensor:
    return torch.randint(256, (batch, 1, 37, 37), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def networks(kind: type[OnlineActor] = OnlineTargetActor, **options: object) -> OnlineActor:
    torch.manual_seed(0)
    encoder = DNEncoder(1, 37, 37, **{"norm": "none", **options})  # type: ignore[arg-type]
    return kind(QNetwork(encoder, LinearHead(encoder.features, ACTIONS)))


def health(v: OnlineActor, optimiser: Callable[..., torch.optim.Optimizer] = torch.optim.Adam) -> Health:
    return Health(v, optimiser(v.online.parameters(), lr=0.01))


def activations(v: OnlineActor) -> list[Tensor]:
    """The outputs [B, U, h, w] of DN's three layers."""
    encoder = copy.deepcopy(v.online).eval().encoder
    x, found = frames().float() / 255, []
    for convolution, norm in ((encoder.conv1, encoder.bn1), (encoder.conv2, encoder.bn2), (encoder.conv3, encoder.bn3)):
        x = norm(convolution(x)).relu()
        found.append(x)
    return found


def test_dormant_units_are_counted_by_hand() -> None:
    v = networks()
    v.online.encoder.conv2.bias.data[:5] = -100.0  # five of 32 channels never react
    v.online.encoder.conv1.weight.data[0] *= 1e-4  # one of 16 hardly
    v.online.encoder.conv1.bias.data[0] = 1e-6
    metrics = health(v).metrics(frames())
    expected = []
    for number, maps in enumerate(activations(v), 1):
        score = maps.abs().mean((0, 2, 3))
        dormant = [one <= 0.025 * score.mean() for one in score]
        assert metrics[f"health/dormant/encoder.act{number}"] == pytest.approx(sum(dormant) / len(dormant))
        expected += dormant
    assert metrics["health/dormant/encoder.act1"] >= 1 / 16
    assert metrics["health/dormant/encoder.act2"] >= 5 / 32
    assert metrics["health/dormant"] == pytest.approx(sum(expected) / 80)


def test_saturated_activations_are_those_at_a_bound() -> None:
    v = networks()
    zeros = torch.cat([(maps == 0).flatten() for maps in activations(v)]).float().mean().item()
    assert 0.1 < zeros < 0.9
    assert health(v).metrics(frames())["health/saturated"] == pytest.approx(zeros)


@pytest.mark.parametrize(("activation", "scale"), [("tanh", 1e-3), ("sigmoid", 1e-3), ("leaky_relu", 1.0)])
def test_small_inputs_saturate_nothing(activation: str, scale: float) -> None:
    v = networks(activation=activation)
    for parameter in v.online.encoder.parameters():
        parameter.data *= scale
    assert health(v).metrics(frames())["health/saturated"] == 0


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_large_inputs_saturate_everything(activation: str) -> None:
    v = networks(activation=activation)
    for parameter in v.online.encoder.parameters():
        parameter.data *= 1e4
    assert health(v).metrics(frames())["health/saturated"] > 0.95


def test_the_effective_rank_by_hand() -> None:
    basis = torch.linalg.qr(torch.randn(20, 6, generator=torch.Generator().manual_seed(0)))[0]  # [20, 6]
    for values, rank in (([1, 1, 1, 0, 0, 0], 3), ([100, 1, 0, 0, 0, 0], 1), ([98, 1, 1, 0, 0, 0], 2), ([1] * 6, 6)):
        features = torch.eye(6) * torch.tensor(values, dtype=torch.float32) @ basis.T
        assert int(effective_rank(features)) == rank
    assert int(effective_rank(torch.zeros(6, 20))) == 0
    same = networks()
    assert health(same).metrics(frames()[:1].expand(8, -1, -1, -1))["health/effective_rank"] == 1


def test_gaps_are_those_of_legal_actions() -> None:
    v = networks()
    v.online.head.q.weight.data.zero_()
    v.online.head.q.bias.data[:] = torch.tensor([1.0, 4.0, 3.0, -2.0])
    metrics = health(v).metrics(frames())
    assert (metrics["health/action_gap"], metrics["health/q_range"]) == (1.0, 6.0)
    mask = torch.tensor([[True, False, True, True]] * 4 + [[False, True, False, False]] * 4)
    metrics = health(v).metrics(frames(), mask)
    assert (metrics["health/action_gap"], metrics["health/q_range"]) == (2.0, 5.0), "a state with one action has no gap"
    assert "health/action_gap" not in health(v).metrics(frames(), mask[4:].repeat(2, 1))


def test_churn_is_the_distance_to_the_target() -> None:
    v = networks()
    watched = health(v)
    assert watched.metrics(frames())["health/churn"] == 0
    v.online.head.q.bias.data[2] += 100.0
    acts, target = v.actor(frames()).q_values.argmax(1), v.target(frames()).q_values.argmax(1)
    assert watched.metrics(frames())["health/churn"] == pytest.approx((acts != target).float().mean().item())
    assert (acts != target).any()
    illegal = torch.tensor([[True, True, False, True]] * 8)
    assert watched.metrics(frames(), illegal)["health/churn"] == 0
    assert "health/churn" not in health(networks(OnlineActor)).metrics(frames())


def test_the_distance_is_relative_to_the_first_weights() -> None:
    v = networks()
    watched = health(v)
    assert watched.metrics(frames())["health/distance"] == 0
    for parameter in v.online.parameters():
        parameter.data *= 1.5
    assert watched.metrics(frames())["health/distance"] == pytest.approx(0.5)


@pytest.mark.parametrize("optimiser", [torch.optim.Adam, torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Adagrad])
def test_weak_gradients_are_those_of_units_that_get_none(optimiser: Callable[..., torch.optim.Optimizer]) -> None:
    v = networks()
    v.online.encoder.conv3.bias.data[:8] = -100.0  # eight of 32 never react, so nothing flows into their weights
    maker = optimiser(v.online.parameters(), lr=1e-6)
    watched = Health(v, maker)
    assert ("health/weak_gradients" in watched.metrics(frames())) == (optimiser is torch.optim.Adagrad)
    v.online(frames()).q_values.square().sum().backward()
    maker.step()
    weak = total = 0
    for name, module in v.online.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            score = module.weight.grad.square().flatten(1).mean(1).sqrt()
            small = score <= 0.025 * score.mean()
            weak, total = weak + int(small.sum()), total + len(score)
            assert watched.metrics(frames())[f"health/weak_gradients/{name}"] == pytest.approx(
                small.float().mean().item()
            )
    assert total == 80 + ACTIONS
    assert watched.metrics(frames())["health/weak_gradients"] == pytest.approx(weak / total, abs=1e-6)
    assert weak >= 8


def test_plain_gradient_descent_keeps_no_squared_gradients() -> None:
    v = networks()
    assert "health/weak_gradients" not in health(v, torch.optim.SGD).metrics(frames())


def test_nothing_changes() -> None:
    v = networks(norm="renorm", dropout=0.5)
    v.online(frames()).q_values.sum().backward()
    before = copy.deepcopy([one.state_dict() for one in (v.online, v.actor)])
    gradients, random_state = [p.grad.clone() for p in v.online.parameters()], torch.get_rng_state()
    first, second = (health(v).metrics(frames()) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), random_state)
    for one, state in zip((v.online, v.actor), before, strict=True):
        assert all(torch.equal(one.state_dict()[key], value) for key, value in state.items())
    assert all(torch.equal(p.grad, g) for p, g in zip(v.online.parameters(), gradients, strict=True))
    assert not any(module._forward_hooks for module in v.actor.modules())


def test_at_most_so_many_states_are_looked_at() -> None:
    v = networks()
    assert health(v).metrics(frames(STATES + 9)) == health(v).metrics(frames(STATES + 9)[:STATES])


def test_networks_without_activations_have_the_other_numbers() -> None:
    class Bare(nn.Module):
        features = 37 * 37

        def forward(self, observation: Tensor) -> Tensor:
            return observation.flatten(1)

    v = OnlineActor(QNetwork(Bare(), LinearHead(Bare.features, ACTIONS)))
    assert set(health(v).metrics(frames())) == {
        f"health/{name}" for name in ("effective_rank", "action_gap", "q_range", "distance")
    }


def test_what_was_so_from_the_start_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    v = networks()
    for layer in (v.online.encoder.conv1, v.online.encoder.conv2, v.online.encoder.conv3):
        layer.bias.data -= 100.0
    watched = health(v)
    assert [watched.metrics(frames())["health/dormant"] for _ in range(2)] == [1.0, 1.0]
    assert not caplog.records


def test_a_layer_that_works_in_place_changes_nothing_of_the_layer_before_it() -> None:
    class InPlace(nn.Module):
        features = 37 * 37

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Tanh(), nn.ReLU(inplace=True), nn.Flatten())

        def forward(self, observation: Tensor) -> Tensor:
            return self.layers(observation)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    v = OnlineActor(QNetwork(InPlace(), LinearHead(InPlace.features, ACTIONS)))
    v.online.encoder.layers[0].weight.data.fill_(-1e3)  # tanh is at -1 wherever a pixel is not black, and ReLU at 0
    assert health(v).metrics(frames())["health/saturated"] == pytest.approx(1, abs=0.01)


def test_a_sick_network_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    v = networks()
    watched = health(v)
    watched.metrics(frames())
    assert not caplog.records
    for layer in (v.online.encoder.conv1, v.online.encoder.conv2, v.online.encoder.conv3):
        layer.bias.data -= 100.0
    with caplog.at_level(logging.WARNING, "rlvision"):
        watched.metrics(frames())
        watched.metrics(frames())
    assert [record.getMessage().partition(", got")[0] for record in caplog.records] == [
        "expected health/dormant to stay below 0.5",
        "expected health/saturated to stay below 0.95",
    ]
