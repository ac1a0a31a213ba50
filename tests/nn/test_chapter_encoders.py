"""The classic networks: each computes its defining idea, by hand, and takes every option of DN's layers."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlvision.core.errors import ConfigError
from rlvision.nn.chapter_encoders import (
    VGG,
    AlexNet,
    Bottleneck,
    BottleneckBlock,
    Ciresan,
    Inception,
    InceptionBlock,
    LeNet5,
    NiN,
    OverFeat,
)
from rlvision.nn.encoder_base import Window
from rlvision.nn.normalisation import NORMS
from rlvision.nn.settings import OWN_SIZES
from rlvision.nn.stacks import StackedEncoder, UnitOptions

SIZE = 48
PLAIN = {"norm": "none"}
KINDS = [LeNet5, Ciresan, AlexNet, OverFeat, VGG, NiN, Inception, Bottleneck]


def pictures(batch: int = 3, channels: int = 2, size: int = SIZE) -> Tensor:
    return torch.rand(batch, channels, size, size, generator=torch.Generator().manual_seed(0))


def made(kind: type[StackedEncoder], **options: object) -> StackedEncoder:
    torch.manual_seed(1)
    return kind(2, SIZE, SIZE, **options)  # type: ignore[arg-type]


def convolutions(encoder: nn.Module) -> list[nn.Conv2d]:
    return [module for module in encoder.modules() if isinstance(module, nn.Conv2d)]


def test_lenet_by_hand() -> None:
    encoder, x = made(LeNet5, **PLAIN), pictures()
    first, second, third = convolutions(encoder)
    maps = F.avg_pool2d(F.relu(F.conv2d(x, first.weight, first.bias)), 2)
    maps = F.avg_pool2d(F.relu(F.conv2d(maps, second.weight, second.bias)), 2)
    maps = F.relu(F.conv2d(maps, third.weight, third.bias))
    assert [one.out_channels for one in (first, second, third)] == [8, 16, 120]
    torch.testing.assert_close(encoder(x), encoder.hidden[1](maps.flatten(1)).relu())


def test_alexnet_pools_with_overlap() -> None:
    encoder, x = made(AlexNet, **PLAIN), pictures()
    weights = [(one.weight, one.bias) for one in convolutions(encoder)]
    maps = F.max_pool2d(F.relu(F.conv2d(x, *weights[0], stride=4)), 3, 2)
    maps = F.max_pool2d(F.relu(F.conv2d(maps, *weights[1], padding=2)), 3, 2)
    for each in weights[2:]:
        maps = F.relu(F.conv2d(maps, *each, padding=1))
    assert [weight.shape[-1] for weight, _ in weights] == [11, 5, 3, 3, 3]
    torch.testing.assert_close(encoder(x), encoder.hidden[1](maps.flatten(1)).relu())


def test_vgg_has_nothing_but_pairs_of_small_kernels() -> None:
    encoder = made(VGG)
    assert encoder.windows == 4 * (Window(3, 1, 1), Window(3, 1, 1), Window(2, 2))
    assert [one.out_channels for one in convolutions(encoder)] == [8, 8, 16, 16, 32, 32, 32, 32]


def test_the_columns_of_ciresan_do_not_meet_before_the_dense_layer() -> None:
    encoder, x = made(Ciresan, **PLAIN), pictures().requires_grad_()
    views = encoder.layers[0](x)
    torch.testing.assert_close(views[:, :2], x)
    row, column = 20, 30
    around = x[0, 1, row - 3 : row + 4, column - 3 : column + 4].mean()
    torch.testing.assert_close(views[0, 3, row, column], x[0, 1, row, column] - around)
    corner = x[0, 0, :4, :4].mean()
    torch.testing.assert_close(views[0, 2, 0, 0], x[0, 0, 0, 0] - corner)
    maps = encoder.layers[1:](views)
    (gradient,) = torch.autograd.grad(maps[:, : maps.shape[1] // 2].sum(), views)
    assert gradient[:, :2].abs().sum() > 0
    assert gradient[:, 2:].abs().sum() == 0


def test_the_dense_layers_of_overfeat_slide() -> None:
    """A shift of the picture by eight pixels shifts the features by one place."""
    torch.manual_seed(1)
    encoder, x = OverFeat(2, 144, 144, norm="none").eval(), pictures(size=144)
    places, moved = encoder.layers(x), encoder.layers(torch.roll(x, (8, 8), (2, 3)))
    assert places.shape == (3, 32, 15, 15)
    torch.testing.assert_close(moved[..., 6:9, 6:9], places[..., 5:8, 5:8], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder(x), places.flatten(1))


def test_nin_ends_in_averages_of_its_maps() -> None:
    encoder, x = made(NiN, **PLAIN), pictures()
    torch.testing.assert_close(encoder(x), encoder.layers[:-1](x).mean((2, 3)))
    assert [one.kernel_size[0] for one in convolutions(encoder)] == [5, 1, 1, 5, 1, 1, 3, 1, 1]
    assert not any(isinstance(module, nn.Linear) for module in encoder.modules())


def test_an_inception_block_puts_four_paths_side_by_side() -> None:
    torch.manual_seed(1)
    block, x = InceptionBlock(6, 4, UnitOptions(norm="none")), pictures(channels=6, size=9)
    one, reduce3, three, reduce5, five, projection = ((each.weight, each.bias) for each in convolutions(block))
    paths = (
        F.relu(F.conv2d(x, *one)),
        F.relu(F.conv2d(F.relu(F.conv2d(x, *reduce3)), *three, padding=1)),
        F.relu(F.conv2d(F.relu(F.conv2d(x, *reduce5)), *five, padding=2)),
        F.relu(F.conv2d(F.max_pool2d(x, 3, 1, padding=1), *projection)),
    )
    torch.testing.assert_close(block(x), torch.cat(paths, dim=1))
    assert [path.shape[1] for path in paths] == [4, 8, 4, 4]


@pytest.mark.parametrize(("channels", "stride"), [(8, 1), (8, 2), (12, 1)])
def test_a_bottleneck_adds_its_input_to_a_path_of_a_quarter_of_the_channels(channels: int, stride: int) -> None:
    torch.manual_seed(1)
    block, x = BottleneckBlock(8, channels, stride, UnitOptions(norm="none")), pictures(channels=8, size=9)
    reduce, middle, expand, *shortcut = ((each.weight, each.bias) for each in convolutions(block))
    assert reduce[0].shape[0] == middle[0].shape[0] == channels // 4
    path = F.conv2d(F.relu(F.conv2d(F.relu(F.conv2d(x, *reduce)), *middle, stride, 1)), *expand)
    direct = F.conv2d(x, *shortcut[0], stride) if shortcut else x
    assert bool(shortcut) == ((channels, stride) != (8, 1))
    torch.testing.assert_close(block(x), F.relu(path + direct))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns_with_every_normalisation(kind: type[StackedEncoder], norm: str) -> None:
    encoder = made(kind, norm=norm)
    encoder(pictures(batch=6)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    layers = {type(encoder.get_submodule(name)) for name in encoder.normalised.values()}
    assert len(encoder.normalised) == len(convolutions(encoder))
    assert len(layers) == 1
    assert (nn.Identity in layers) == (norm == "none")


@pytest.mark.parametrize("kind", KINDS)
def test_the_options_reach_every_layer(kind: type[StackedEncoder]) -> None:
    encoder = made(kind, norm="batch", momentum=0.3, activation="leaky_relu", negative_slope=0.2, dropout=0.4)
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {one.momentum for one in norms} == {0.3}
    assert {one.negative_slope for one in encoder.modules() if isinstance(one, nn.LeakyReLU)} == {0.2}
    assert not any(isinstance(module, nn.ReLU) for module in encoder.modules())
    assert encoder.dropout.p == 0.4
    x = pictures(batch=6)
    assert not torch.equal(encoder(x), encoder(x)), "training drops features"
    assert torch.equal(encoder.eval()(x), encoder(x))


@pytest.mark.parametrize(("activation", "low"), [("tanh", -1.0), ("sigmoid", 0.0)])
def test_other_activations_bound_the_features(activation: str, low: float) -> None:
    features = made(VGG, activation=activation)(100 * pictures())
    assert low <= features.min() < features.max() <= 1
    assert (features.min() < 0) == (low < 0)


@pytest.mark.parametrize("kind", KINDS)
def test_levels_are_named_from_low_to_high(kind: type[StackedEncoder]) -> None:
    levels = list(made(kind).levels.items())
    assert [name for name, _ in levels] == ["low", "mid", "high"]
    reductions = [level.reduction for _, level in levels]
    assert reductions == sorted(reductions)
    assert kind.idea
    assert kind.paper


@pytest.mark.parametrize("kind", KINDS)
def test_all_fit_frames_of_the_small_presets_and_name_their_smallest(kind: type[StackedEncoder]) -> None:
    assert kind(2, 37, 61)(torch.zeros(2, 2, 37, 61)).shape[0] == 2
    with pytest.raises(ConfigError, match=r"expected frames of at least \d+x\d+ for this encoder, got 8x60"):
        kind(2, 8, 60)


@pytest.mark.parametrize(("options", "message"), [({"dropout": 1.0}, "a dropout"), ({"activation": "gelu"}, "relu,")])
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(LeNet5, **options)


def test_the_sizes_of_their_own_are_near_those_of_atari() -> None:
    assert all(76 <= size <= 85 for size in OWN_SIZES.values())
