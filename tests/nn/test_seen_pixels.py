"""The pixels that an encoder sees: by its windows, by a naive count, and by the gradient of its output."""

import pytest
import torch

from rlvision.nn.dn import DN, DNEncoder
from rlvision.nn.encoder_base import Encoder, Window, smallest_frame
from rlvision.nn.field_of_view import seen_pixels, whole_sizes
from rlvision.nn.registry import ENCODERS, build_encoder
from rlvision.nn.settings import NetworkSettings

BUILT_IN = [(name, {}) for name in ENCODERS] + [("dn", {"max_pool": True})]
LOSING = [("dn", {}), ("dn", {"max_pool": True}), ("nature", {})]


def built(name: str, options: dict[str, object], height: int = 84, width: int = 84) -> Encoder:
    torch.manual_seed(1)
    return build_encoder(name, (1, height, width), **options)


def touched(encoder: Encoder, height: int, width: int) -> torch.Tensor:
    """Whether a pixel has a gradient in at least one of 16 random pictures, [H, W]."""
    pixels = torch.rand(16, 1, height, width, requires_grad=True)
    features = encoder.eval()(pixels)
    (features * torch.randn_like(features)).sum().backward()
    return pixels.grad.abs().sum((0, 1)) > 0


def naive(size: int, windows: tuple[Window, ...]) -> set[int]:
    """The pixels on the paths from every output back, one window after the other."""
    sizes = [size]
    for window in windows:
        sizes.append(window.outputs(sizes[-1]))
    seen = set(range(sizes.pop()))
    for window in reversed(windows):
        starts = [place * window.stride - window.padding for place in seen]
        seen = {start + offset for start in starts for offset in range(window.kernel)} & set(range(sizes.pop()))
    return seen


@pytest.mark.parametrize(("height", "width"), [(84, 84), (77, 85), (80, 61), (41, 92)])
@pytest.mark.parametrize(("name", "options"), BUILT_IN)
def test_the_pixels_with_a_gradient_are_those_that_the_windows_lie_on(name, options, height, width):
    encoder = built(name, options, height, width)
    rows, columns = seen_pixels(height, encoder.windows), seen_pixels(width, encoder.windows)
    expected = torch.zeros(height, width, dtype=torch.bool)
    expected[:rows, :columns] = True
    assert touched(encoder, height, width).equal(expected)


@pytest.mark.parametrize(
    ("size", "seen"), [(84, 77), (80, 77), (76, 69), (40, 37), (60, 53), (29, 29), (77, 77), (85, 85), (93, 93)]
)
def test_dn_sees_this_much(size, seen):
    assert seen_pixels(size, DNEncoder(1, 84, 84).windows) == seen


@pytest.mark.parametrize(
    "windows",
    [
        (),
        (Window(3, 2, 1),),
        (Window(3, 1, 1), Window(3, 2, 1), Window(5, 3)),
        (Window(8, 4), Window(4, 2), Window(3, 1)),
        (Window(2, 2), Window(4, 4, 2), Window(3, 3)),
    ],
)
def test_seen_pixels_are_counted_as_the_naive_way_counts_them(windows):
    for size in range(smallest_frame(windows) + 8, 100):
        assert naive(size, windows) == set(range(seen_pixels(size, windows)))


@pytest.mark.parametrize(("name", "options"), LOSING)
def test_the_nearest_sizes_that_lose_nothing_are_found(name, options):
    windows = built(name, options).windows
    whole = [size for size in range(smallest_frame(windows), 120) if seen_pixels(size, windows) == size]
    for size in range(smallest_frame(windows), 100):
        below, above = max(it for it in whole if it <= size), min(it for it in whole if it > size)
        assert whole_sizes(size, windows) == (below, above)


@pytest.mark.parametrize(("name", "options"), BUILT_IN)
def test_an_encoder_sees_all_of_its_own_size(name, options):
    size = NetworkSettings(encoder=name, **options).own_size
    assert seen_pixels(size, built(name, options, size, size).windows) == size


def test_own_sizes():
    assert {name: NetworkSettings(encoder=name).own_size for name in (*ENCODERS, "mine:Net")} == {
        "dn": 77, "lenet5": 76, "ciresan": 83, "alexnet": 83, "overfeat": 85, "vgg": 80, "nin": 81, "inception": 83,
        "bottleneck": 83, "nature": 84, "impala": 84, "mlp": 84, "mine:Net": 84,
    }  # fmt: skip
    assert NetworkSettings(max_pool=True).own_size == 84


def test_seventy_seven_pixels_give_the_weights_of_eighty_four():
    networks = [DN(size, size, outputs=6, in_channels=4) for size in (77, 84)]
    assert [sum(it.numel() for it in network.parameters()) for network in networks] == 2 * [49_654]
    assert [network.features for network in networks] == 2 * [32 * 7 * 7]
