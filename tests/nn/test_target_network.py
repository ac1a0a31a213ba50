"""The contract on BatchNorm, line by line, as far as it lives in the network."""

import copy

import pytest
import torch
from torch import Tensor, nn

from rlvision.nn.dn import DNEncoder
from rlvision.nn.heads import LinearHead
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.nn.normalisation import NORMS
from rlvision.nn.qnetwork import QNetwork, shared_weight_copy
from rlvision.nn.statistics import statistics_layers
from rlvision.nn.target_network import OnlineTargetActor, batch_statistics_forward, recalibrate

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def frames(seed: int = 0, batch: int = 8) -> Tensor:
    return torch.randint(256, (batch, 1, 41, 37), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def make_networks(norm: str = "renorm", **options: object) -> OnlineTargetActor:
    torch.manual_seed(0)
    encoder = DNEncoder(1, 41, 37, norm=norm, **options)
    return OnlineTargetActor(QNetwork(encoder, LinearHead(encoder.features, 6)))


def learn(network: QNetwork, updates: int = 1, *, lr: float = 0.05, **options: object) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, **options)
    for seed in range(updates):
        optimizer.zero_grad()
        (network(frames(seed)).q_values - 1).square().mean().backward()
        optimizer.step()


def q(network: QNetwork, observation: Tensor) -> Tensor:
    with torch.no_grad():
        return network(observation).q_values


def states_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


# 1. Training, acting and target see the same statistics.


def test_training_forward_equals_acting_while_unclipped() -> None:
    v = make_networks()
    v.calibrate(frames(seed) for seed in range(5))
    acting = q(v.actor, frames())
    torch.testing.assert_close(q(v.online, frames()), acting, rtol=0, atol=1e-5)
    assert all(layer.clipped == 0 for layer in statistics_layers(v.online))


def test_plain_batch_norm_does_not() -> None:
    v = make_networks("batch")
    v.calibrate(frames(seed) for seed in range(5))
    acting = q(v.actor, frames())
    assert (q(v.online, frames()) - acting).abs().max() > 1e-2


# 2. Three views, no mode flipping.


@pytest.mark.parametrize("mode", [True, False])
def test_modes_cannot_be_flipped(mode: bool) -> None:
    v = make_networks(dropout=0.1)
    for network, training in ((v.online, True), (v.target, False), (v.actor, False)):
        network.train(mode)
        assert {module.training for module in network.modules()} == {training}


def test_actor_shares_every_parameter_and_buffer() -> None:
    v = make_networks()
    online, actor, target = (n.state_dict(keep_vars=True) for n in (v.online, v.actor, v.target))
    assert all(online[key] is actor[key] for key in online)
    assert not {t.data_ptr() for t in online.values()} & {t.data_ptr() for t in target.values()}
    assert not any(parameter.requires_grad for parameter in v.target.parameters())
    assert all(parameter.requires_grad for parameter in v.online.parameters())


@pytest.mark.parametrize("options", [{"foreach": True}, {"fused": True}, {"foreach": False}])
def test_actor_sees_an_optimizers_step_at_once(options: dict[str, bool]) -> None:
    v = make_networks()
    before = q(v.actor, frames())
    learn(v.online, **options)
    assert (q(v.actor, frames()) - before).abs().max() > 1e-3
    fresh = copy.deepcopy(v.online)
    fresh.pin_mode(training=False)
    assert torch.equal(q(v.actor, frames()), q(fresh, frames()))


def test_actor_follows_a_loaded_state() -> None:
    v, other = make_networks(), make_networks()
    learn(other.online, 3)
    v.load_state_dict(copy.deepcopy(other.state_dict()))
    assert torch.equal(q(v.actor, frames()), q(other.actor, frames()))
    assert torch.equal(q(v.target, frames()), q(other.target, frames()))
    learn(v.online)  # and stays attached
    assert states_equal(v.actor.state_dict(), v.online.state_dict())


# 4. Acting changes nothing and depends on no other row.


@pytest.mark.parametrize("norm", NORMS)
def test_acting_never_changes_a_buffer(norm: str) -> None:
    v = make_networks(norm)
    learn(v.online, 2)
    before = copy.deepcopy(v.state_dict())
    for batch in (1, 5):
        q(v.actor, frames(batch=batch)), q(v.target, frames(batch=batch))
    assert states_equal(before["online"], v.online.state_dict())
    assert states_equal(before["target"], v.target.state_dict())


@pytest.mark.parametrize("norm", NORMS)
def test_q_values_of_a_state_do_not_depend_on_other_rows(norm: str) -> None:
    v = make_networks(norm)
    learn(v.online, 2)
    together = q(v.actor, frames())
    for row in range(8):
        torch.testing.assert_close(q(v.actor, frames()[row : row + 1])[0], together[row], rtol=1e-5, atol=1e-5)


# 5. Target updates.


def test_hard_sync_copies_parameters_and_statistics() -> None:
    v = make_networks()
    learn(v.online, 3)
    assert not torch.equal(v.target.encoder.bn1.running_mean, v.online.encoder.bn1.running_mean)
    v.sync_target()
    assert states_equal(v.online.state_dict(), v.target.state_dict())
    assert v.target.encoder.bn1.num_batches_tracked == 3
    learn(v.online)  # a copy, not a reference
    assert not torch.equal(v.target.encoder.conv1.weight, v.online.encoder.conv1.weight)


def test_soft_sync_interpolates_parameters_and_copies_statistics() -> None:
    v = make_networks()
    learn(v.online, 3)
    before = copy.deepcopy(v.target.state_dict())
    v.sync_target(0.25)
    for key, online in v.online.state_dict().items():
        expected = online if key.endswith(STATISTICS) else 0.75 * before[key] + 0.25 * online
        torch.testing.assert_close(v.target.state_dict()[key], expected)
    assert v.target.encoder.bn2.num_batches_tracked == 3


def test_target_stands_still_between_syncs() -> None:
    v = make_networks()
    before = q(v.target, frames())
    learn(v.online, 3)
    assert torch.equal(q(v.target, frames()), before)


# 7. Calibration.


@pytest.mark.parametrize("norm", ["renorm", "batch", "fixed", "frozen"])
def test_calibration_measures_the_first_layer_exactly_and_syncs_the_target(norm: str) -> None:
    v = make_networks(norm, dropout=0.5)
    v.online.encoder.bn1.running_mean.fill_(100.0)  # forgotten
    batches = [frames(seed) for seed in range(4)]
    v.calibrate(batches)
    with torch.no_grad():
        maps = [v.online.encoder.conv1(batch / 255) for batch in batches]
    for network in (v.online, v.actor, v.target):
        torch.testing.assert_close(
            network.encoder.bn1.running_mean, torch.stack([m.mean((0, 2, 3)) for m in maps]).mean(0)
        )
        torch.testing.assert_close(
            network.encoder.bn1.running_var, torch.stack([m.var((0, 2, 3)) for m in maps]).mean(0)
        )
        assert [layer.num_batches_tracked.item() for layer in statistics_layers(network)] == [4, 4, 4]
    assert {layer.momentum for layer in statistics_layers(v.online)} == {0.1}
    assert all(module.training for module in v.online.modules())
    assert all(parameter.grad is None for parameter in v.online.parameters())


def test_after_calibration_every_layer_is_unclipped_on_the_same_data() -> None:
    v = make_networks()
    learn(v.online, 3, lr=0.5)  # far from the statistics
    q(v.online, frames())
    assert max(layer.clipped for layer in statistics_layers(v.online)) > 0
    v.calibrate(frames(seed) for seed in range(4))
    q(v.online, frames(1))
    assert all(layer.clipped == 0 for layer in statistics_layers(v.online))


# 8. Copies travel as state dicts.


def test_a_state_dict_makes_an_equal_copy_and_parameters_alone_do_not() -> None:
    v = make_networks()
    learn(v.online, 3)
    complete, parameters_only = make_networks().online, make_networks().online
    complete.load_state_dict(v.online.state_dict())
    for mine, theirs in zip(parameters_only.parameters(), v.online.parameters(), strict=True):
        mine.data.copy_(theirs.data)
    for network in (complete, parameters_only):
        network.pin_mode(training=False)
    expected = q(v.actor, frames())
    assert torch.equal(q(complete, frames()), expected)
    assert (q(parameters_only, frames()) - expected).abs().max() > 1e-2


# The alternatives.


def test_every_arm_names_a_layer_that_exists() -> None:
    assert {name: (variant.layer, variant.target) for name, variant in NORM_VARIANTS.items()} == {
        "renorm": ("renorm", "eval"),
        "running": ("batch", "eval"),
        "batch": ("batch", "batch_statistics"),
        "joint": ("batch", "joint"),
        "fixed": ("fixed", "eval"),
        "frozen": ("frozen", "eval"),
        "recalibrated": ("batch", "recalibrated"),
        "layer": ("layer", "eval"),
        "group": ("group", "eval"),
        "none": ("none", "eval"),
    }
    assert {variant.layer for variant in NORM_VARIANTS.values()} == set(NORMS)
    assert {name: variant.momentum for name, variant in NORM_VARIANTS.items() if variant.momentum != 0.1} == {
        "running": 0.9,
        "batch": 0.9,
    }


def test_batch_statistics_forward_is_a_training_forward_without_traces() -> None:
    v = make_networks("batch", dropout=0.5)
    learn(v.online, 2)
    before, random_state = copy.deepcopy(v.state_dict()), torch.get_rng_state()
    output = batch_statistics_forward(v.target, frames()).q_values
    assert states_equal(before["target"], v.target.state_dict())
    assert torch.equal(torch.get_rng_state(), random_state)
    twin = make_networks("batch").online
    twin.load_state_dict(v.target.state_dict())
    torch.testing.assert_close(output, q(twin, frames()))
    assert {module.training for module in v.target.modules()} == {False}


def test_recalibrated_target_uses_the_given_batches() -> None:
    v = make_networks("batch")
    learn(v.online, 2)
    v.sync_target()
    online = copy.deepcopy(v.online.state_dict())
    recalibrate(v.target, [frames()])
    torch.testing.assert_close(
        q(v.target, frames()), batch_statistics_forward(v.target, frames()).q_values, rtol=0.02, atol=0.02
    )
    assert states_equal(online, v.online.state_dict())
    assert v.target.encoder.bn1.num_batches_tracked == 1


def test_a_sharing_copy_has_a_mode_of_its_own() -> None:
    network = make_networks().online
    copied = shared_weight_copy(network)
    copied.pin_mode(training=False)
    assert all(module.training for module in network.modules())
    assert not any(module.training for module in copied.modules())
    assert isinstance(copied.head.q, nn.Linear)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own tracing
def test_training_forward_compiles_without_a_graph_break() -> None:
    v, twin = make_networks(), make_networks()
    compiled = torch.compile(lambda x: v.online(x).q_values, backend="aot_eager", fullgraph=True)
    compiled(frames()).sum().backward()
    twin.online(frames()).q_values.sum().backward()
    torch.testing.assert_close(v.online.state_dict(), twin.online.state_dict())
    for (name, mine), theirs in zip(v.online.named_parameters(), twin.online.parameters(), strict=True):
        if "conv" not in name or "weight" in name:  # a bias before batch statistics has rounding for a gradient
            assert (mine.grad - theirs.grad).norm() < 1e-5 * theirs.grad.norm(), name
