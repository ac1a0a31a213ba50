import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from rlvision.core.errors import ConfigError
from rlvision.core.types import FloatArray
from rlvision.features.saliency import BLUR, REACH, gradient_saliency, occlusion_saliency

BOTH = [gradient_saliency, occlusion_saliency]


@pytest.mark.parametrize("saliency", BOTH)
@pytest.mark.parametrize("encoder", ["dn", "nature", "impala", "mlp"])
def test_a_saliency_is_a_picture_from_0_to_1_and_leaves_no_trace(
    saliency: Callable, encoder: str, built_network, noise, untouched
) -> None:
    network = built_network(encoder, (2, 44, 52))
    with untouched(network), torch.no_grad():  # as an actor's caller may have it
        seen = saliency(network, noise(2, 44, 52), 1)
    assert (seen.shape, seen.dtype, seen.min() >= 0, seen.max()) == ((44, 52), np.float32, True, 1.0)


@pytest.mark.parametrize("saliency", BOTH)
def test_training_mode_does_not_change_what_is_seen(saliency: Callable, built_network, noise) -> None:
    network = built_network("dn", (2, 44, 52))
    training = saliency(network, noise(2, 44, 52), 0)
    network.eval()
    np.testing.assert_array_equal(training, saliency(network, noise(2, 44, 52), 0))


def test_the_gradient_of_a_linear_network_is_its_weights(linear_network, noise) -> None:
    weights = torch.tensor([[[[1.0, 0.0], [-4.0, 2.0]], [[-3.0, 0.0], [1.0, 2.0]]], torch.zeros(2, 2, 2).tolist()])
    network = linear_network(weights)
    np.testing.assert_array_equal(gradient_saliency(network, noise(2, 2, 2), 0), [[0.75, 0.0], [1.0, 0.5]])
    np.testing.assert_array_equal(gradient_saliency(network, noise(2, 2, 2), 1), np.zeros((2, 2)))


def naive_occlusion(weights: FloatArray, observation: FloatArray) -> FloatArray:
    """Of a linear network: place by place, pixel by pixel, with OpenCV's blur; every pixel is a place."""
    size = 2 * int(3 * BLUR) + 1
    blurred = [cv2.GaussianBlur(c, (size, size), BLUR, borderType=cv2.BORDER_REPLICATE) for c in observation]
    height, width = observation.shape[1:]
    saliency = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        for i, j in np.ndindex(height, width):
            mask = math.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * REACH**2))
            for c in range(len(observation)):
                saliency[row, column] += weights[c, i, j] * mask * (blurred[c][i, j] - observation[c, i, j])
    return np.abs(saliency) / np.abs(saliency).max()


def test_occlusion_agrees_with_a_naive_twin(linear_network, noise) -> None:
    weights = np.random.default_rng(1).normal(size=(2, 6, 9)).astype(np.float32)
    observation = noise(2, 6, 9)
    expected = naive_occlusion(weights, observation[0].astype(np.float32) / 255)
    network = linear_network(torch.tensor(weights)[None])
    np.testing.assert_allclose(occlusion_saliency(network, observation, 0, stride=1), expected, atol=2e-4)


def test_the_size_of_a_batch_changes_nothing(built_network, noise) -> None:
    network, observation = built_network("dn", (2, 44, 52)), noise(2, 44, 52)
    one = occlusion_saliency(network, observation, 2, batch=1)
    np.testing.assert_allclose(one, occlusion_saliency(network, observation, 2, batch=1000), atol=1e-4)


def test_occlusion_finds_the_dot_that_matters_and_fades_as_its_mask_does(linear_network) -> None:
    weights, observation = torch.zeros(1, 1, 31, 31), np.zeros((1, 1, 31, 31), dtype=np.uint8)
    weights[0, 0, 20, 10] = 1.0
    observation[0, 0, 20, 10] = 255  # the network looks here
    observation[0, 0, 5, 25] = 255  # and not here
    saliency = occlusion_saliency(linear_network(weights), observation, 0)
    assert np.unravel_index(saliency.argmax(), saliency.shape) == (20, 10)
    assert saliency[20, 15] == pytest.approx(math.exp(-0.5), abs=1e-5)  # one deviation away
    assert saliency[20, 12] == pytest.approx(1 + 0.4 * (math.exp(-0.5) - 1), abs=1e-5)  # between two places
    assert saliency[0, 30] < 1e-3
    assert not occlusion_saliency(linear_network(weights), np.zeros_like(observation), 0).any()


def test_rounding_errors_are_not_blown_up(linear_network) -> None:
    network = linear_network(torch.randn(1, 2, 31, 31, generator=torch.Generator().manual_seed(0)))
    plain = np.full((1, 2, 31, 31), 170, dtype=np.uint8)  # blurred, it is the same
    assert occlusion_saliency(network, plain, 0).max() < 0.1


@pytest.mark.parametrize("saliency", BOTH)
@pytest.mark.parametrize("action", [-1, 3])
def test_an_action_that_is_none_is_refused(saliency: Callable, action: int, built_network, noise) -> None:
    with pytest.raises(ConfigError, match=f"expected an action from 0 to 2, got {action}"):
        saliency(built_network("dn", (2, 44, 52)), noise(2, 44, 52), action)


@pytest.mark.parametrize("wrong", [{"stride": 0}, {"batch": 0}])
def test_impossible_numbers_are_refused(wrong: dict[str, int], built_network, noise) -> None:
    with pytest.raises(ConfigError, match="expected a stride and a batch of at least 1"):
        occlusion_saliency(built_network("mlp", (1, 8, 8)), noise(1, 8, 8), 0, **wrong)
