"""DN against a literal transcription of the chapter's class."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlvision.core.errors import ConfigError
from rlvision.nn.dn import DN, DNEncoder
from rlvision.nn.encoder_base import as_float


class Chapter(nn.Module):
    """The chapter's network, as it is printed."""

    def __init__(self, h: int, w: int, outputs: int, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, kernel_size=5, stride=2)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5, stride=2)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 32, kernel_size=5, stride=2)
        self.bn3 = nn.BatchNorm2d(32)

        def conv2d_size_out(size: int, kernel_size: int = 5, stride: int = 2) -> int:
            return (size - (kernel_size - 1) - 1) // stride + 1

        convw = conv2d_size_out(conv2d_size_out(conv2d_size_out(w)))
        convh = conv2d_size_out(conv2d_size_out(conv2d_size_out(h)))
        self.head = nn.Linear(convw * convh * 32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        return self.head(x.view(x.size(0), -1))


def frames(batch: int = 3, channels: int = 1, height: int = 41, width: int = 37) -> Tensor:
    return torch.randint(256, (batch, channels, height, width), generator=torch.Generator().manual_seed(3)).to(
        torch.uint8
    )


def twins(**options: object) -> tuple[DN, Chapter]:
    torch.manual_seed(7)
    dn = DN(41, 37, 6, **options)
    torch.manual_seed(7)
    return dn, Chapter(41, 37, 6)


def test_same_seed_same_parameters_and_keys() -> None:
    dn, chapter = twins()
    assert list(dn.state_dict()) == list(chapter.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(dn.state_dict().values(), chapter.state_dict().values(), strict=True))


@pytest.mark.parametrize("training", [True, False])
def test_equals_the_chapter_bit_for_bit_gradients_and_buffers_included(training: bool) -> None:
    dn, chapter = twins()
    dn.train(training), chapter.train(training)
    outputs = [network(frames() / 255) for network in (dn, chapter)]
    for output in outputs:
        output.square().sum().backward()
    assert torch.equal(*outputs)
    pairs = list(zip(dn.parameters(), chapter.parameters(), strict=True))
    assert all(torch.equal(mine.grad, theirs.grad) for mine, theirs in pairs)
    assert all(torch.equal(a, b) for a, b in zip(dn.buffers(), chapter.buffers(), strict=True))


@pytest.mark.parametrize("norm", ["batch", "renorm", "fixed", "frozen"])
def test_state_dicts_travel_both_ways(norm: str) -> None:
    dn, chapter = DN(41, 37, 6, norm=norm).eval(), Chapter(41, 37, 6).eval()
    chapter.load_state_dict(dn.state_dict())
    assert torch.equal(dn(frames() / 255), chapter(frames() / 255))
    fresh = Chapter(41, 37, 6).eval()
    dn.load_state_dict(fresh.state_dict())
    assert torch.equal(dn(frames() / 255), fresh(frames() / 255))


def test_bytes_are_scaled_inside_and_floats_are_not() -> None:
    dn, _ = twins()
    dn.eval()
    assert torch.equal(dn(frames()), dn(frames() / 255))
    assert not torch.equal(dn(frames()), dn(frames().float()))
    assert as_float(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0.0, 0.2, 1.0])


def test_bytes_become_the_pixels_that_autocast_would_have_made() -> None:
    every_byte = torch.arange(256).to(torch.uint8)
    with torch.autocast("cpu", torch.bfloat16):
        pixels = as_float(every_byte)
    assert pixels.dtype == torch.bfloat16
    assert torch.equal(pixels, as_float(every_byte).bfloat16())


@pytest.mark.parametrize(("max_pool", "smallest"), [(False, 29), (True, 36)])
def test_smallest_frames(max_pool: bool, smallest: int) -> None:
    assert DNEncoder(1, smallest, smallest, max_pool=max_pool).features == 32
    for height, width in [(smallest - 1, 84), (84, smallest - 1)]:
        with pytest.raises(ConfigError, match=rf"at least {smallest}x{smallest}.*got {height}x{width}.*resize"):
            DNEncoder(1, height, width, max_pool=max_pool)


@pytest.mark.parametrize("max_pool", [False, True])
@pytest.mark.parametrize("size", [(84, 84), (60, 95), (41, 36)])
def test_features_is_the_width_of_the_output(size: tuple[int, int], max_pool: bool) -> None:
    encoder = DNEncoder(2, *size, max_pool=max_pool)
    assert encoder(torch.zeros(2, 2, *size)).shape == (2, encoder.features)
    assert DNEncoder(1, 84, 84, max_pool=max_pool).features == 32 * 7 * 7


@pytest.mark.parametrize(
    ("name", "function"),
    [("relu", F.relu), ("leaky_relu", F.leaky_relu), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid)],
)
def test_activations(name: str, function: object) -> None:
    encoder = DNEncoder(1, 41, 37, norm="none", activation=name)
    x = frames() / 255
    for convolution in (encoder.conv1, encoder.conv2, encoder.conv3):
        x = function(convolution(x))
    torch.testing.assert_close(encoder(frames()), x.flatten(1))


def test_max_pooling_takes_the_place_of_the_stride() -> None:
    encoder = DNEncoder(1, 41, 37, norm="none", max_pool=True)
    x = frames() / 255
    for layer in (encoder.conv1, encoder.conv2, encoder.conv3):
        x = F.max_pool2d(F.relu(F.conv2d(x, layer.weight, layer.bias, stride=1)), 2)
    torch.testing.assert_close(encoder(frames()), x.flatten(1))


def test_hidden_layer_stands_between_convolutions_and_head() -> None:
    dn = DN(41, 37, 6, hidden=10).eval()
    flat = DNEncoder(1, 41, 37, norm="batch").eval()
    flat.load_state_dict(dn.state_dict(), strict=False)
    linear = dn.hidden[0]
    torch.testing.assert_close(dn(frames()), dn.head(F.relu(linear(flat(frames())))))
    assert (dn.features, dn.head.in_features, linear.in_features) == (10, 10, flat.features)


def test_dropout_drops_in_training_only() -> None:
    torch.manual_seed(0)
    encoder = DNEncoder(1, 41, 37, norm="none", activation="sigmoid", dropout=0.5)
    kept = encoder.eval()(frames())
    assert (kept > 0).all()
    dropped = encoder.train()(frames())
    survivors = dropped != 0
    assert 0.2 < survivors.float().mean() < 0.8
    torch.testing.assert_close(dropped[survivors], 2 * kept[survivors])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "gelu"}, r"relu, leaky_relu, tanh, sigmoid, got 'gelu'"),
        ({"norm": "instance"}, r"expected a norm out of .* got 'instance'"),
        ({"dropout": 1.0}, r"dropout of at least 0 and below 1, got 1.0"),
    ],
)
def test_unusable_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DN(84, 84, 6, **options)


def test_contracts_normalisation_is_the_encoders_default_and_the_chapters_is_dns() -> None:
    assert (type(DNEncoder(1, 84, 84).bn1).__name__, DNEncoder(1, 84, 84).bn1.momentum) == ("BatchRenorm2d", 0.1)
    assert (type(DN(84, 84, 6).bn1).__name__, DN(84, 84, 6).bn1.momentum) == ("BatchNorm2d", 0.1)
    assert DN(84, 84, 6, norm="renorm", momentum=0.02).bn3.momentum == 0.02
