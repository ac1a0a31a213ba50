"""Heads and the whole network: formulas, precision, the way back to the chapter."""

import pytest
import torch
from torch import nn

from rlvision.core.errors import ConfigError
from rlvision.learning.optimisers import decay_groups
from rlvision.nn.dn import DN, DNEncoder
from rlvision.nn.fusion import to_channels_last_float
from rlvision.nn.heads import DuelingHead, LinearHead
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.standard_encoders import NatureCNN


def frames(batch: int = 4) -> torch.Tensor:
    return torch.randint(256, (batch, 4, 41, 37), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def network(**options: object) -> QNetwork:
    torch.manual_seed(0)
    encoder = DNEncoder(4, 41, 37, **options)
    return QNetwork(encoder, LinearHead(encoder.features, 6))


def test_dueling_by_hand() -> None:
    head = DuelingHead(2, 3)
    with torch.no_grad():
        head.value.weight.copy_(torch.tensor([[1.0, 2.0]])), head.value.bias.fill_(0.5)
        head.advantage.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])), head.advantage.bias.zero_()
    # V = 3 + 8 + 0.5 = 11.5; A = (3, 4, 7), mean 14/3
    expected = [[11.5 + 3 - 14 / 3, 11.5 + 4 - 14 / 3, 11.5 + 7 - 14 / 3]]
    torch.testing.assert_close(head(torch.tensor([[3.0, 4.0]])).q_values, torch.tensor(expected))


def test_linear_head_with_a_hidden_layer() -> None:
    head, x = LinearHead(5, 3, hidden=7), torch.randn(2, 5)
    torch.testing.assert_close(head(x).q_values, head.q[2](head.q[0](x).relu()))
    assert head.q[0].out_features == 7


@pytest.mark.parametrize("kind", [LinearHead, DuelingHead])
@pytest.mark.parametrize("hidden", [0, 8])
def test_zero_init_starts_at_zero_and_learns(kind: type[nn.Module], hidden: int) -> None:
    head = kind(5, 3, hidden=hidden, zero_init=True)
    q_values = head(torch.randn(4, 5)).q_values
    assert torch.equal(q_values, torch.zeros(4, 3))
    q_values[:, 0].sum().backward()
    assert any(parameter.grad.abs().sum() > 0 for parameter in head.parameters())


@pytest.mark.parametrize("kind", [LinearHead, DuelingHead])
@pytest.mark.parametrize("hidden", [0, 8])
def test_heads_compute_in_float32_under_autocast(kind: type[nn.Module], hidden: int) -> None:
    head, features = kind(64, 3, hidden=hidden), torch.randn(4, 64)
    expected = head(features).q_values
    with torch.autocast("cpu", torch.bfloat16):
        inside = head(features).q_values
    assert torch.equal(inside, expected)  # bit for bit: nothing of it ran in bfloat16


def test_only_the_encoder_runs_in_low_precision() -> None:
    q_network = network().eval()
    with torch.autocast("cpu", torch.bfloat16):
        features = q_network.encoder(frames())
        output = q_network(frames())
    assert features.dtype == torch.bfloat16
    assert output.q_values.dtype == torch.float32
    assert torch.equal(output.q_values, q_network.head(features.float()).q_values)
    assert not torch.equal(output.q_values, output.q_values.bfloat16().float())  # finer than bfloat16 can say


def test_running_statistics_stay_float32_under_autocast() -> None:
    q_network = network()
    with torch.autocast("cpu", torch.bfloat16):
        q_network(frames()).q_values.sum().backward()
    statistics = [buffer for name, buffer in q_network.named_buffers() if "running" in name]
    assert len(statistics) == 6
    assert all(buffer.dtype == torch.float32 for buffer in statistics)
    assert not torch.equal(q_network.encoder.bn3.running_mean, q_network.encoder.bn3.running_mean.bfloat16().float())


@pytest.mark.parametrize("norm", ["renorm", "batch", "fixed", "frozen"])
def test_a_trained_agent_loads_into_the_chapters_class(norm: str) -> None:
    q_network = network(norm=norm)
    q_network(frames())
    chapter = DN(41, 37, 6, in_channels=4)
    chapter.load_state_dict(q_network.reference_state_dict())
    assert torch.equal(chapter.eval()(frames()), q_network.eval()(frames()).q_values)


@pytest.mark.parametrize(
    "other",
    [
        QNetwork(DNEncoder(4, 41, 37, hidden=8), LinearHead(8, 6)),
        QNetwork(DNEncoder(4, 41, 37, norm="layer"), LinearHead(64, 6)),
        QNetwork(DNEncoder(4, 41, 37), DuelingHead(64, 6)),
        QNetwork(DNEncoder(4, 41, 37), LinearHead(64, 6, hidden=8)),
        QNetwork(DNEncoder(4, 41, 37, activation="leaky_relu"), LinearHead(64, 6)),
        QNetwork(DNEncoder(4, 41, 37, max_pool=True), LinearHead(32, 6)),
        QNetwork(NatureCNN(4, 41, 37), LinearHead(512, 6)),
        QNetwork(DNEncoder(4, 41, 37), LinearHead(64, 6, quantiles=8)),
    ],
)
def test_other_networks_have_no_chapter(other: QNetwork) -> None:
    with pytest.raises(ConfigError, match=r"expected the reference network.*state_dict\(\) for other networks"):
        other.reference_state_dict()


@pytest.mark.parametrize("kind", [LinearHead, DuelingHead])
@pytest.mark.parametrize("hidden", [0, 8])
def test_q_values_are_the_means_of_quantiles(kind: type[LinearHead | DuelingHead], hidden: int) -> None:
    head, features = kind(5, 3, hidden=hidden, quantiles=7), torch.randn(4, 5)
    output = head(features)
    assert output.quantiles.shape == (4, 3, 7)
    assert output.quantiles.std(dim=2).min() > 0
    torch.testing.assert_close(output.q_values, output.quantiles.mean(2))
    means = head.mean_head()
    assert means(features).quantiles is None
    torch.testing.assert_close(means(features).q_values, output.q_values)
    assert {name: t.shape for name, t in means.state_dict().items()} == {
        name: t.shape for name, t in kind(5, 3, hidden=hidden).state_dict().items()
    }
    assert head(features).quantiles.equal(output.quantiles)  # it was not touched


def test_the_streams_of_dueling_quantiles_are_joined_quantile_by_quantile() -> None:
    head, features = DuelingHead(5, 3, quantiles=2), torch.randn(4, 5)
    value, advantage = head.value(features), head.advantage(features).reshape(4, 3, 2)
    expected = value.reshape(4, 1, 2) + advantage - advantage.mean(1, keepdim=True)
    torch.testing.assert_close(head(features).quantiles, expected)


def test_an_agent_of_quantiles_loads_into_the_chapters_class_as_their_means() -> None:
    encoder = DNEncoder(4, 41, 37)
    q_network = QNetwork(encoder, LinearHead(encoder.features, 6, quantiles=8))
    q_network(frames())
    chapter = DN(41, 37, 6, in_channels=4)
    means = q_network.eval().mean_network()
    chapter.load_state_dict(means.reference_state_dict())
    assert torch.equal(chapter.eval()(frames()), means(frames()).q_values)
    torch.testing.assert_close(chapter(frames()), q_network(frames()).q_values)


def test_without_quantiles_there_is_nothing_to_average() -> None:
    q_network = network()
    assert q_network.mean_network() is q_network


def test_levels_are_named_from_the_network() -> None:
    levels = network().levels
    assert {name: (level.module, level.channels, level.reduction) for name, level in levels.items()} == {
        "low": ("encoder.act1", 16, 2),
        "mid": ("encoder.act2", 32, 4),
        "high": ("encoder.act3", 32, 8),
    }


def test_a_pinned_mode_stays() -> None:
    q_network = network()
    q_network.pin_mode(training=False)
    assert not any(module.training for module in q_network.train().modules())
    q_network.pin_mode(training=True)
    assert all(module.training for module in q_network.eval().modules())


def test_scale_shift_and_bias_do_not_decay() -> None:
    q_network = network()
    decayed, spared = decay_groups(q_network, 0.1)
    names = {id(parameter): name for name, parameter in q_network.named_parameters()}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {names[id(p)] for p in decayed["params"]} == {
        f"{name}.weight" for name in ("encoder.conv1", "encoder.conv2", "encoder.conv3", "head.q")
    }
    assert len(spared["params"]) == 4 + 6


def test_frozen_parameters_are_in_no_group() -> None:
    assert decay_groups(network().requires_grad_(False), 0.1) == []


class InterruptiblePolicy(nn.Module):
    """An encoder of somebody's own that remembers what it was shown."""

    features = 4 * 41 * 37

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.seen.append(pixels)
        return pixels.flatten(1)


def test_an_encoder_sees_the_same_pixels_whether_it_acts_or_learns() -> None:
    encoder = InterruptiblePolicy()
    q_network = QNetwork(encoder, LinearHead(encoder.features, 3))
    q_network(frames()), q_network(to_channels_last_float(frames()))
    acting, learning = encoder.seen
    assert acting.dtype == torch.float32
    torch.testing.assert_close(acting, frames() / 255)
    torch.testing.assert_close(learning, acting)
