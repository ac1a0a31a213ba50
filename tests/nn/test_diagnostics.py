"""The diagnostics: their numbers by hand, and that they leave no trace."""

import copy

import pytest
import torch
from torch import Tensor

from rlvision.nn.diagnostics import GapMonitor, diagnose, target_drift, weight_norms
from rlvision.nn.dn import DNEncoder
from rlvision.nn.fusion import fuse_conv_bn
from rlvision.nn.heads import LinearHead
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineTargetActor

WEIGHTS = {"weights/encoder.conv1", "weights/encoder.conv2", "weights/encoder.conv3", "weights/head.q"}
SCALES = {"weights/encoder.bn1", "weights/encoder.bn2", "weights/encoder.bn3"}


def frames(seed: int = 0, batch: int = 16) -> Tensor:
    return torch.randint(256, (batch, 1, 41, 37), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def make_networks(norm: str, *, dropout: float = 0.0, zero_init: bool = False) -> OnlineTargetActor:
    torch.manual_seed(0)
    encoder = DNEncoder(1, 41, 37, norm=norm, dropout=dropout)
    return OnlineTargetActor(QNetwork(encoder, LinearHead(encoder.features, 6, zero_init=zero_init)))


@pytest.mark.parametrize("norm", ["renorm", "batch", "fixed", "frozen", "layer"])
def test_nothing_changes(norm: str) -> None:
    v = make_networks(norm, dropout=0.5)
    v.online(frames()).q_values.sum().backward()
    networks = (v.online, v.target, v.actor)
    before = copy.deepcopy([n.state_dict() for n in networks])
    modes = [[m.training for m in n.modules()] for n in networks]
    gradients = [p.grad.clone() for p in v.online.parameters()]
    random_state = torch.get_rng_state()
    diagnose(v, frames())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert modes == [[m.training for m in n.modules()] for n in networks]
    for network, state in zip(networks, before, strict=True):
        assert all(torch.equal(network.state_dict()[key], value) for key, value in state.items())
    assert all(torch.equal(p.grad, g) for p, g in zip(v.online.parameters(), gradients, strict=True))


def test_gap_and_disagree_by_hand() -> None:
    v = make_networks("batch")
    v.calibrate([frames(1)])
    training = copy.deepcopy(v.online)(frames()).q_values
    evaluation = v.actor(frames()).q_values
    metrics = diagnose(v, frames())
    differences = [abs(a - b) for a, b in zip(training.flatten().tolist(), evaluation.flatten().tolist(), strict=True)]
    mean = evaluation.mean().item()
    spread = (sum((value - mean) ** 2 for value in evaluation.flatten().tolist()) / 96) ** 0.5
    assert metrics["bn/gap"].item() == pytest.approx(sum(differences) / 96 / spread, rel=1e-4)
    flips = sum(a != b for a, b in zip(training.argmax(1).tolist(), evaluation.argmax(1).tolist(), strict=True))
    assert metrics["bn/greedy_disagreement"].item() == pytest.approx(flips / 16)
    assert metrics["bn/gap"] > 0.05


def test_only_the_q_values_of_legal_actions_count() -> None:
    """The first action is best by far in both forwards, and illegal in the second half of the states."""
    v = make_networks("batch")
    v.calibrate([frames(1)])
    for network in (v.online, v.target):
        network.head.q.bias.data[0] += 100.0
    mask = torch.ones(16, 6, dtype=torch.bool)
    mask[8:, 0] = False
    learns, acts = copy.deepcopy(v.online)(frames()).q_values, v.actor(frames()).q_values
    metrics = diagnose(v, frames(), mask)
    gap = (learns - acts)[mask].abs().mean() / acts[mask].std(correction=0)
    assert metrics["bn/gap"].item() == pytest.approx(gap.item(), rel=1e-4)
    flips = (learns[8:, 1:].argmax(1) != acts[8:, 1:].argmax(1)).sum().item()
    assert flips > 0
    assert metrics["bn/greedy_disagreement"].item() == pytest.approx(flips / 16)
    assert diagnose(v, frames())["bn/greedy_disagreement"] == 0
    assert diagnose(v, frames())["bn/gap"] != pytest.approx(gap.item(), rel=1e-2)


def test_calibrated_renorm_has_no_gap_even_with_dropout() -> None:
    v = make_networks("renorm", dropout=0.5)
    v.calibrate(frames(seed) for seed in range(4))
    metrics = diagnose(v, frames())
    assert metrics["bn/gap"] < 1e-4
    assert (metrics["bn/greedy_disagreement"], metrics["bn/clipped"]) == (0, 0)


def test_the_gap_is_that_of_the_forwards_in_use() -> None:
    """In bfloat16 the policy's folded kernels are rounded otherwise than the learner's: that is seen, too."""
    v = make_networks("renorm")
    v.calibrate([frames(1)])
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        learns = copy.deepcopy(v.online)(frames()).q_values
        acts, unfolded = fuse_conv_bn(v.actor)(frames()).q_values, v.actor(frames()).q_values
        gap = diagnose(v, frames())["bn/gap"]
    assert gap == pytest.approx(((learns - acts).abs().mean() / acts.std(correction=0)).item(), rel=1e-4)
    assert gap > ((learns - unfolded).abs().mean() / unfolded.std(correction=0))


def test_clipped_weighs_layers_by_their_channels() -> None:
    v = make_networks("renorm")
    v.calibrate(frames(seed) for seed in range(4))
    v.online.encoder.bn1.running_mean.fill_(1e4)  # clips 16 of 80 channels, and moves the layers after it
    v.online.encoder.conv2.weight.data.zero_()  # which stay unclipped with constant inputs
    v.online.encoder.bn2.running_mean.copy_(v.online.encoder.conv2.bias.detach())
    v.online.encoder.bn2.running_var.zero_()
    v.online.encoder.bn3.running_var.zero_()
    v.online.encoder.conv3.weight.data.zero_()
    v.online.encoder.bn3.running_mean.copy_(v.online.encoder.conv3.bias.detach())
    assert diagnose(v, frames())["bn/clipped"].item() == pytest.approx(16 / 80)


def test_target_drift_is_a_mean_over_all_channels() -> None:
    v = make_networks("renorm")
    v.online.encoder.bn1.running_mean.add_(2.0)  # 16 channels
    v.online.encoder.bn3.running_mean.sub_(1.0)  # 32 channels of 80
    assert target_drift(v).item() == pytest.approx((16 * 2.0 + 32 * 1.0) / 80)
    v.sync_target()
    assert diagnose(v, frames())["bn/target_drift"] == 0


@pytest.mark.parametrize(
    ("norm", "names"),
    [
        ("renorm", {"bn/gap", "bn/greedy_disagreement", "bn/clipped", "bn/target_drift"} | WEIGHTS | SCALES),
        ("batch", {"bn/gap", "bn/greedy_disagreement", "bn/target_drift"} | WEIGHTS | SCALES),
        ("fixed", {"bn/gap", "bn/greedy_disagreement", "bn/target_drift"} | WEIGHTS | SCALES),
        ("frozen", {"bn/gap", "bn/greedy_disagreement", "bn/target_drift"} | WEIGHTS | SCALES),
        ("layer", WEIGHTS | SCALES),
        ("none", WEIGHTS),
    ],
)
def test_only_what_makes_sense_is_measured(norm: str, names: set[str]) -> None:
    metrics = diagnose(make_networks(norm), frames())
    assert set(metrics) == names
    assert all(value.shape == () for value in metrics.values())


def test_equal_q_values_give_a_finite_gap() -> None:
    metrics = diagnose(make_networks("renorm", zero_init=True), frames())
    assert metrics["bn/gap"] == 0


def test_weight_norms_by_hand() -> None:
    network = QNetwork(torch.nn.Linear(2, 1), torch.nn.Identity())
    with torch.no_grad():
        network.encoder.weight.copy_(torch.tensor([[2.0, 3.0]])), network.encoder.bias.fill_(6.0)
    assert {name: value.item() for name, value in weight_norms(network).items()} == {"weights/encoder": 7.0}


def test_a_wide_gap_is_said_once_and_only_when_it_stays(caplog):
    watch = GapMonitor()
    for gap in (0.5, 0.5, 0.5, 0.5, 0.1, 0.5, 0.5, 0.5, 0.5):
        watch.update({"bn/gap": gap, "bn/target_drift": 0.1})
    assert caplog.records == []
    for gap in [0.3] * 10 + [0.0] + [0.3] * 10:
        watch.update({"bn/gap": gap, "bn/target_drift": 0.1})
    assert len(caplog.records) == 1
    assert "acts by another" in caplog.text


def test_a_wide_gap_without_a_target_network_is_not_warned_of(caplog):
    watch = GapMonitor()
    for _ in range(20):
        watch.update({"bn/gap": 0.5})
    assert caplog.records == []


def test_networks_without_batch_statistics_are_never_warned_of(caplog):
    watch = GapMonitor()
    for _ in range(20):
        watch.update({"q/mean": 1.0})
    assert caplog.records == []
