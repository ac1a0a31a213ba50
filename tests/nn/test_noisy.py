"""Layers with noise in their weights: the equations by hand, and which view of a network has which noise."""

import math

import pytest
import torch
from torch import Tensor, nn

from rlvision.nn.dn import DNEncoder
from rlvision.nn.fusion import fuse_conv_bn, fuse_conv_bn_train
from rlvision.nn.heads import DuelingHead, LinearHead
from rlvision.nn.noisy import NoisyLinear, noisy_layers, resample_noise, switch_noise
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineTargetActor


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layer_by_hand() -> NoisyLinear:
    """µ_w = [[1, 2], [3, 4]], µ_b = (5, 6), σ_w = [[0.1, 0.2], [0.3, 0.4]], σ_b = (0.5, 0.6)."""
    layer = NoisyLinear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]])), layer.bias.copy_(torch.tensor([5.0, 6.0]))
        layer.weight_sigma.copy_(torch.tensor([[0.1, 0.2], [0.3, 0.4]]))
        layer.bias_sigma.copy_(torch.tensor([0.5, 0.6]))
    layer.input_noise.copy_(torch.tensor([2.0, -1.0]))
    layer.output_noise.copy_(torch.tensor([10.0, -3.0]))
    return layer


def test_the_forward_by_hand() -> None:
    x = torch.tensor([[1.0, -1.0]])
    # weights: 1 + 0.1 * 10 * 2 = 3, 2 + 0.2 * 10 * -1 = 0; 3 + 0.3 * -3 * 2 = 1.2, 4 + 0.4 * -3 * -1 = 5.2
    # biases: 5 + 0.5 * 10 = 10, 6 + 0.6 * -3 = 4.2
    torch.testing.assert_close(layer_by_hand()(x), torch.tensor([[3 - 0 + 10.0, 1.2 - 5.2 + 4.2]]))


def test_the_gradient_of_sigma_is_that_of_the_weight_times_its_noise() -> None:
    layer = layer_by_hand()
    layer(torch.tensor([[7.0, 11.0]]))[0, 0].backward()  # of the first output alone
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[7.0, 11.0], [0.0, 0.0]]))
    torch.testing.assert_close(layer.weight_sigma.grad, torch.tensor([[7.0 * 10 * 2, 11.0 * 10 * -1], [0.0, 0.0]]))
    torch.testing.assert_close(layer.bias_sigma.grad, torch.tensor([10.0, 0.0]))


def test_noise_is_drawn_by_the_papers_function() -> None:
    layer, twin = NoisyLinear(3, 5), draws(4)
    layer.resample(draws(4))
    for noise in (layer.input_noise, layer.output_noise):
        expected = [math.copysign(math.sqrt(abs(x)), x) for x in torch.randn(len(noise), generator=twin).tolist()]
        assert noise.tolist() == pytest.approx(expected)


def test_weights_begin_as_in_the_paper() -> None:
    torch.manual_seed(0)
    layer = NoisyLinear(16, 500)
    for mean in (layer.weight, layer.bias):
        assert 0.24 < mean.abs().max() <= 0.25  # uniform within 1 / √16
        assert mean.std().item() == pytest.approx(0.25 / math.sqrt(3), rel=0.1)
    for sigma in (layer.weight_sigma, layer.bias_sigma):
        assert (sigma == 0.5 / 4).all()


def test_without_noise_and_before_the_first_draw_it_is_linear() -> None:
    layer, x = NoisyLinear(4, 3), torch.randn(2, 4)
    expected = nn.functional.linear(x, layer.weight, layer.bias)
    assert torch.equal(layer(x), expected)
    layer.resample(draws())
    assert not torch.equal(layer(x), expected)
    switch_noise(layer, on=False)
    assert torch.equal(layer(x), expected)
    switch_noise(layer, on=True)
    assert not torch.equal(layer(x), expected)


def test_the_mean_is_a_linear_layer_of_its_own() -> None:
    layer, x = NoisyLinear(4, 3), torch.randn(2, 4)
    layer.resample(draws())
    mean = layer.mean()
    expected = nn.functional.linear(x, layer.weight, layer.bias)
    assert type(mean) is nn.Linear
    assert torch.equal(mean(x), expected)
    with torch.no_grad():
        layer.weight.zero_()
    assert torch.equal(mean(x), expected)


def test_making_the_mean_draws_no_random_number() -> None:
    layer, before = NoisyLinear(4, 3), torch.get_rng_state()
    layer.mean()
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_saved_is_a_linear_layer_and_two_sigmas() -> None:
    assert set(NoisyLinear(4, 3).state_dict()) == {"weight", "bias", "weight_sigma", "bias_sigma"}
    plain = nn.Linear(4, 3).state_dict()
    assert NoisyLinear(4, 3).load_state_dict(plain, strict=False).missing_keys == ["weight_sigma", "bias_sigma"]


@pytest.mark.parametrize("kind", [LinearHead, DuelingHead])
@pytest.mark.parametrize("hidden", [0, 8])
@pytest.mark.parametrize("quantiles", [1, 4])
def test_a_head_of_means_has_the_q_values_without_noise(
    kind: type[LinearHead | DuelingHead], hidden: int, quantiles: int
) -> None:
    head, features = kind(5, 3, hidden=hidden, quantiles=quantiles, noisy=True), torch.randn(4, 5)
    assert len(noisy_layers(head)) == len([layer for layer in head.modules() if isinstance(layer, nn.Linear)])
    resample_noise(head, draws())
    with_noise = head(features).q_values
    mean = head.mean_head()
    switch_noise(head, on=False)
    torch.testing.assert_close(mean(features).q_values, head(features).q_values)
    assert (mean(features).q_values - with_noise).abs().max() > 1e-2
    assert noisy_layers(mean) == []
    assert {name: t.shape for name, t in mean.state_dict().items()} == {
        name: t.shape for name, t in kind(5, 3, hidden=hidden).state_dict().items()
    }
    assert len(noisy_layers(head)) > 0  # it was not touched


def networks(**options: object) -> OnlineTargetActor:
    torch.manual_seed(0)
    encoder = DNEncoder(1, 29, 29, norm="renorm")
    return OnlineTargetActor(QNetwork(encoder, LinearHead(encoder.features, 3, noisy=True, **options)), draws(7))


def frames(seed: int = 0) -> Tensor:
    return torch.randint(256, (4, 1, 29, 29), generator=draws(seed)).to(torch.uint8)


@torch.no_grad()
def q(network: QNetwork) -> Tensor:
    return network(frames()).q_values


def test_each_view_has_the_noise_that_the_table_says() -> None:
    v = networks(hidden=4)
    mean = v.actor.mean_network()
    mean.pin_mode(training=False)
    quiet = q(mean)
    v.resample_noise()
    resample_noise(v.explorer, draws(1))
    torch.testing.assert_close(q(v.actor), quiet)
    explores, bootstraps = q(v.explorer), q(v.target)
    for one, other in ((explores, quiet), (bootstraps, quiet), (explores, bootstraps)):
        assert (one - other).abs().max() > 1e-2  # of the same weights
    online, target = (noisy_layers(network)[0].input_noise for network in (v.online, v.target))
    assert not torch.equal(online, target)
    v.resample_noise()
    assert torch.equal(q(v.explorer), explores)
    assert not torch.equal(q(v.target), bootstraps)
    learned = [layer.input_noise.clone() for layer in noisy_layers(v.online)]
    resample_noise(v.explorer, draws(2))
    assert not torch.equal(q(v.explorer), explores)
    assert all(map(torch.equal, learned, [layer.input_noise for layer in noisy_layers(v.online)]))


def test_noise_is_that_of_the_view_where_it_is_folded() -> None:
    v = networks()
    learns, acts, explores, target = (
        fuse_conv_bn_train(v.online),
        fuse_conv_bn(v.actor),
        fuse_conv_bn(v.explorer),
        fuse_conv_bn(v.target),
    )
    for seed in range(2):
        v.resample_noise()
        resample_noise(v.explorer, draws(seed))
        for short_cut, view in ((acts, v.actor), (explores, v.explorer), (target, v.target)):
            torch.testing.assert_close(q(short_cut), q(view), rtol=1e-4, atol=1e-4)
        shared = [layer.input_noise.data_ptr() for layer in noisy_layers(v.online)]
        assert [layer.input_noise.data_ptr() for layer in noisy_layers(learns)] == shared


def test_the_explorer_follows_the_weights_and_sigmas_of_the_network_that_learns() -> None:
    v = networks()
    resample_noise(v.explorer, draws(1))
    before = q(v.explorer)
    with torch.no_grad():
        v.online.head.q.weight_sigma.mul_(3)
    assert not torch.equal(q(v.explorer), before)
    assert all(a is b for a, b in zip(v.online.parameters(), v.explorer.parameters(), strict=True))
    assert not any(module.training for module in v.explorer.modules())


def test_without_noisy_layers_the_explorer_is_the_actor() -> None:
    encoder = DNEncoder(1, 29, 29)
    v = OnlineTargetActor(QNetwork(encoder, LinearHead(encoder.features, 3)))
    assert v.explorer is v.actor


def test_the_stream_of_noise_travels_with_the_networks() -> None:
    first, second = networks(), networks()
    first.resample_noise()
    second.load_state_dict(first.state_dict())
    for v in (first, second):
        v.resample_noise()
    assert torch.equal(q(first.target), q(second.target))
    assert torch.equal(noisy_layers(first.online)[0].output_noise, noisy_layers(second.online)[0].output_noise)


def test_a_copied_target_draws_noise_of_its_own_again() -> None:
    v = networks()
    v.resample_noise()
    v.sync_target()
    v.resample_noise()
    assert not torch.equal(noisy_layers(v.online)[0].input_noise, noisy_layers(v.target)[0].input_noise)
