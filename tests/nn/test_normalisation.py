"""The layers: against formulas written out by hand, and against their own evaluation mode."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlvision.core.errors import ConfigError
from rlvision.nn.normalisation import NORMS, BatchRenorm2d, FixedBatchNorm2d, FrozenBatchNorm2d, normalisation
from rlvision.nn.statistics import batch_statistics, calibrating

KEYS = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def layer_of(kind: type[nn.BatchNorm2d], channels: int = 3, *, dtype: torch.dtype = torch.float32) -> nn.BatchNorm2d:
    torch.manual_seed(0)
    layer = kind(channels, momentum=0.01).to(dtype)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 1.5)
        layer.bias.normal_()
        layer.running_mean.normal_(std=0.5)
        layer.running_var.uniform_(0.5, 2.0)
    return layer


def pixels(seed: int = 1, *, scale: float = 1.0, shift: float = 0.0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, 3, 5, 6, generator=generator, dtype=dtype) * scale + shift


def renorm_by_hand(x: Tensor, layer: BatchRenorm2d) -> Tensor:
    """Ioffe 2017, algorithm 1, channel by channel, differentiated by autograd."""
    channels = []
    for c in range(x.shape[1]):
        values = x[:, c]
        mean, sigma = values.mean(), (((values - values.mean()) ** 2).mean() + layer.eps).sqrt()
        running_mean, running_sigma = layer.running_mean[c], (layer.running_var[c] + layer.eps).sqrt()
        r = (sigma / running_sigma).clamp(1 / layer.r_max, layer.r_max).detach()
        d = ((mean - running_mean) / running_sigma).clamp(-layer.d_max, layer.d_max).detach()
        channels.append(layer.weight[c] * ((values - mean) / sigma * r + d) + layer.bias[c])
    return torch.stack(channels, 1)


@pytest.mark.parametrize(
    ("scale", "shift"), [(1.0, 0.0), (0.9, 0.3), (9.0, 0.0), (0.05, 0.0), (1.0, 20.0), (1.0, -20.0)]
)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_renorm_and_its_gradients_equal_the_formula(
    scale: float, shift: float, memory_format: torch.memory_format
) -> None:
    layer = layer_of(BatchRenorm2d, dtype=torch.float64)
    twin = copy.deepcopy(layer)
    x = pixels(scale=scale, shift=shift, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()
    upstream = pixels(2, dtype=torch.float64)
    expected = torch.autograd.grad((renorm_by_hand(x, twin) * upstream).sum(), [x, twin.weight, twin.bias])
    expected_output = renorm_by_hand(x, twin)
    output = layer(x)
    gradients = torch.autograd.grad((output * upstream).sum(), [x, layer.weight, layer.bias])
    torch.testing.assert_close(output, expected_output)
    torch.testing.assert_close(gradients, expected)


def test_unclipped_training_forward_is_the_evaluation_forward() -> None:
    layer, x = layer_of(BatchRenorm2d), pixels(scale=1.2, shift=0.2)
    evaluated = layer.eval()(x)
    torch.testing.assert_close(layer.train()(x), evaluated, rtol=0, atol=2e-6)
    assert layer.clipped == 0


def test_gradient_differs_from_that_of_constant_statistics() -> None:
    x = pixels().requires_grad_()
    through_batch = torch.autograd.grad(layer_of(BatchRenorm2d)(x).square().sum(), x)[0]
    constant = torch.autograd.grad(layer_of(FrozenBatchNorm2d)(x).square().sum(), x)[0]
    assert (through_batch - constant).abs().max() > 0.1


def test_running_statistics_move_by_the_momentum_as_torchs_do() -> None:
    layer, torchs, x = layer_of(BatchRenorm2d), layer_of(nn.BatchNorm2d), pixels(scale=3, shift=1)
    layer(x), torchs(x)
    torch.testing.assert_close(layer.state_dict(), torchs.state_dict())
    values = x[:, 0].flatten()
    before = layer_of(BatchRenorm2d)
    assert layer.running_mean[0].item() == pytest.approx(
        0.99 * before.running_mean[0].item() + 0.01 * values.mean().item()
    )
    assert layer.running_var[0].item() == pytest.approx(
        0.99 * before.running_var[0].item() + 0.01 * values.var().item()
    )
    assert layer.num_batches_tracked == 1


def test_clipped_share_counts_channels() -> None:
    layer, x = layer_of(BatchRenorm2d), pixels()
    x[:, 0] += 1000  # d is clipped in the first channel only
    layer(x)
    assert layer.clipped.item() == pytest.approx(1 / 3)
    x[:, 1] *= 1000  # and r in the second
    layer(x)
    assert layer.clipped.item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("kind", [BatchRenorm2d, FixedBatchNorm2d, FrozenBatchNorm2d])
def test_evaluation_and_state_dict_are_torchs(kind: type[nn.BatchNorm2d]) -> None:
    layer, torchs, x = layer_of(kind).eval(), nn.BatchNorm2d(3).eval(), pixels()
    assert list(layer.state_dict()) == list(torchs.state_dict()) == KEYS
    torchs.load_state_dict(layer.state_dict())
    before = copy.deepcopy(layer.state_dict())
    assert torch.equal(layer(x), torchs(x))
    torch.testing.assert_close(layer.state_dict(), before, rtol=0, atol=0)


def test_frozen_treats_the_running_statistics_as_constants() -> None:
    layer, x = layer_of(FrozenBatchNorm2d), pixels().requires_grad_()
    scale = layer.weight.detach() / (layer.running_var + layer.eps).sqrt()
    expected = layer.eval()(x)
    output = layer.train()(x)
    torch.testing.assert_close(output, expected)
    (gradient,) = torch.autograd.grad(output.sum(), x)
    torch.testing.assert_close(gradient, scale.view(1, 3, 1, 1).expand_as(x))
    assert layer.num_batches_tracked == 1


def test_fixed_trains_as_it_evaluates_and_keeps_its_statistics() -> None:
    layer, x = layer_of(FixedBatchNorm2d), pixels(scale=3, shift=1).requires_grad_()
    mean, var = layer.running_mean.clone(), layer.running_var.clone()
    scale = layer.weight.detach() / (layer.running_var + layer.eps).sqrt()
    expected = layer.eval()(x)
    output = layer.train()(x)
    assert torch.equal(output, expected)
    (gradient,) = torch.autograd.grad(output.sum(), x)
    torch.testing.assert_close(gradient, scale.view(1, 3, 1, 1).expand_as(x))
    assert torch.equal(layer.running_mean, mean)
    assert torch.equal(layer.running_var, var)
    assert layer.num_batches_tracked == 1


def test_frozen_updates_its_statistics_as_torch_does() -> None:
    layer, torchs, x = layer_of(FrozenBatchNorm2d), layer_of(nn.BatchNorm2d), pixels(scale=3, shift=1)
    layer(x), torchs(x)
    torch.testing.assert_close(layer.state_dict(), torchs.state_dict())


@pytest.mark.parametrize("kind", [BatchRenorm2d, FrozenBatchNorm2d])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_statistics_of_bfloat16_batches_are_float32(
    kind: type[nn.BatchNorm2d], memory_format: torch.memory_format
) -> None:
    layer, twin = layer_of(kind), layer_of(kind)
    x = pixels(shift=10).bfloat16().contiguous(memory_format=memory_format)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(x)
    twin(x.float())
    assert output.dtype == torch.bfloat16
    assert layer.running_mean.dtype == layer.running_var.dtype == torch.float32
    torch.testing.assert_close(
        layer.running_mean, twin.running_mean, rtol=0, atol=1e-6
    )  # bfloat16's grain is 0.06 here
    torch.testing.assert_close(layer.running_var, twin.running_var, rtol=0, atol=1e-6)


def test_bfloat16_gradients_of_scale_and_shift_are_float32() -> None:
    layer, twin, x = layer_of(BatchRenorm2d), layer_of(BatchRenorm2d), pixels().bfloat16()
    layer(x).float().sum().backward()
    twin(x.float()).sum().backward()
    assert layer.weight.grad.dtype == torch.float32
    torch.testing.assert_close(layer.bias.grad, twin.bias.grad)


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, BatchRenorm2d, FixedBatchNorm2d, FrozenBatchNorm2d])
def test_calibration_averages_over_all_batches_from_any_mode(kind: type[nn.BatchNorm2d]) -> None:
    layer = layer_of(kind).eval()
    batches = [pixels(seed, scale=4, shift=seed) for seed in range(5)]
    with torch.no_grad(), calibrating(layer):
        for batch in batches:
            layer(batch)
    torch.testing.assert_close(layer.running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(layer.running_var, torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0))
    assert (layer.num_batches_tracked, layer.momentum, layer.training) == (5, 0.01, False)


def test_calibrating_layers_hand_on_normalised_batches() -> None:
    layer, x = layer_of(BatchRenorm2d), pixels(scale=100, shift=1000)
    expected = F.batch_norm(x, None, None, layer.weight, layer.bias, True)
    with torch.no_grad(), calibrating(layer):
        torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, BatchRenorm2d, FixedBatchNorm2d, FrozenBatchNorm2d])
def test_batch_statistics_normalise_without_a_trace(kind: type[nn.BatchNorm2d]) -> None:
    layer, x = layer_of(kind).eval(), pixels(scale=3)
    before = copy.deepcopy(layer.state_dict())
    with batch_statistics(layer):
        torch.testing.assert_close(layer(x), F.batch_norm(x, None, None, layer.weight, layer.bias, True))
    torch.testing.assert_close(layer.state_dict(), before, rtol=0, atol=0)
    assert not layer.training
    assert layer.track_running_stats


def test_modes_return_even_after_an_error() -> None:
    layer = layer_of(BatchRenorm2d).eval()
    with pytest.raises(RuntimeError), batch_statistics(layer):
        raise RuntimeError
    assert not layer.training


@pytest.mark.parametrize("kind", [BatchRenorm2d, FrozenBatchNorm2d])
def test_a_single_value_per_channel_is_refused(kind: type[nn.BatchNorm2d]) -> None:
    with pytest.raises(ConfigError, match=r"several values per channel.*\(1, 3, 1, 1\).*larger batch"):
        kind(3)(torch.ones(1, 3, 1, 1))


@pytest.mark.parametrize(("norm", "groups"), [("layer", 1), ("group", 4)])
def test_layer_and_group_are_group_norms(norm: str, groups: int) -> None:
    x = torch.randn(2, 16, 4, 4)
    torch.testing.assert_close(normalisation(norm, 16)(x), F.group_norm(x, groups))


def test_names_and_momentum_of_the_norms() -> None:
    assert {name: type(normalisation(name, 16)).__name__ for name in NORMS} == {
        "batch": "BatchNorm2d",
        "renorm": "BatchRenorm2d",
        "fixed": "FixedBatchNorm2d",
        "frozen": "FrozenBatchNorm2d",
        "layer": "GroupNorm",
        "group": "GroupNorm",
        "none": "Identity",
    }
    assert [normalisation(name, 16).momentum for name in ("batch", "renorm", "frozen")] == [0.1] * 3


def test_unknown_norms_and_uneven_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"batch, renorm.*got 'batchnorm'.*choose one"):
        normalisation("batchnorm", 16)
    with pytest.raises(ConfigError, match=r"divisible by 4 groups, got 6"):
        normalisation("group", 6)


def test_defaults_are_the_contracts() -> None:
    layer = BatchRenorm2d(3)
    assert (layer.momentum, layer.eps, layer.r_max, layer.d_max) == (0.1, 1e-5, 3.0, 5.0)
    assert "r_max=3.0, d_max=5.0" in repr(layer)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own tracing
@pytest.mark.parametrize("kind", [BatchRenorm2d, FrozenBatchNorm2d])
def test_compiled_gradients_use_the_statistics_of_the_forward(kind: type[nn.BatchNorm2d]) -> None:
    layer, twin = layer_of(kind, dtype=torch.float64), layer_of(kind, dtype=torch.float64)
    compiled = torch.compile(lambda x: layer(x), backend="aot_eager", fullgraph=True)
    gradients = []
    for function, parameters in ((compiled, layer.parameters()), (twin, twin.parameters())):
        x = pixels(scale=2, dtype=torch.float64).requires_grad_()
        gradients.append(torch.autograd.grad((function(x) * pixels(2)).sum(), [x, *parameters]))
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(layer.state_dict(), twin.state_dict())
