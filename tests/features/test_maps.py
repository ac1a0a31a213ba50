import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rlvision.core.errors import ConfigError
from rlvision.features.maps import feature_maps

SHAPES = {
    "dn": {"low": (16, 20, 24), "mid": (32, 8, 10), "high": (32, 2, 3)},
    "nature": {"low": (32, 10, 12), "mid": (64, 4, 5), "high": (64, 2, 3)},
    "impala": {"low": (16, 22, 26), "mid": (32, 11, 13), "high": (32, 6, 7)},
    "mlp": {},
}


@pytest.mark.parametrize("encoder", SHAPES)
def test_every_level_that_has_maps_is_there_and_the_network_is_left_as_it_was(
    encoder: str, built_network, noise, untouched
) -> None:
    network = built_network(encoder, (2, 44, 52))
    with untouched(network):
        maps = feature_maps(network, noise(2, 44, 52))
    assert {name: level.shape for name, level in maps.items()} == SHAPES[encoder]
    assert list(maps) == list(SHAPES[encoder])
    for level in maps.values():
        assert np.abs(level).max() == 1.0


def test_the_maps_are_what_the_next_layer_gets(built_network, noise) -> None:
    network = built_network("dn", (2, 44, 52))
    observation = noise(2, 44, 52)
    maps = feature_maps(network, observation)
    encoder = network.encoder.eval()
    low = F.relu(encoder.bn1(encoder.conv1(torch.tensor(observation) / 255)))
    mid = F.relu(encoder.bn2(encoder.conv2(low)))
    np.testing.assert_allclose(maps["low"], (low / low.max())[0].detach(), atol=1e-6)
    np.testing.assert_allclose(maps["mid"], (mid / mid.max())[0].detach(), atol=1e-6)


def test_without_named_levels_every_convolution_shows_its_output(linear_network) -> None:
    network = linear_network(torch.zeros(1, 2, 2, 2))
    with torch.no_grad():
        network.encoder.shown.weight.copy_(torch.tensor([1.0, -2.0]).view(1, 2, 1, 1))
    observation = np.array([[[[51, 0], [0, 255]], [[0, 51], [0, 255]]]], dtype=np.uint8)
    expected = np.array([[[0.2, -0.4], [0.0, -1.0]]])  # 0.2, -2 * 0.2, 0, 1 - 2: the greatest is 1 in size
    assert list(feature_maps(network, observation)) == ["shown"]
    np.testing.assert_allclose(feature_maps(network, observation)["shown"], expected, atol=1e-6)
    assert not feature_maps(network, np.zeros_like(observation))["shown"].any()


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 44, 52), np.uint8), np.zeros((1, 2, 44, 52), np.float32)])
def test_anything_but_one_observation_is_refused(wrong: np.ndarray, built_network) -> None:
    with pytest.raises(ConfigError, match=r"expected one observation \[1, C, H, W\] uint8, got"):
        feature_maps(built_network("dn", (2, 44, 52)), wrong)
