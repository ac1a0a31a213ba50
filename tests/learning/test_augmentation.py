"""Shifted observations: against a naive twin, and where the shifts come from."""

import copy
import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from rlvision.core.types import Transition
from rlvision.learning.augmentation import AUGMENTATIONS, RandomShift

PIXELS = 2


def shift(seed=0, pixels=PIXELS):
    return RandomShift(pixels, torch.Generator().manual_seed(seed))


@pytest.fixture
def seen():
    """(rows, channels, height, width) -> a transition of noise."""

    def of_shape(rows=5, channels=2, height=6, width=9):
        draws = torch.Generator().manual_seed(9)
        s, after = torch.randint(256, (2, rows, channels, height, width), generator=draws).to(torch.uint8)
        return Transition(s, torch.arange(rows), torch.randn(rows), torch.full((rows,), 0.9), after)

    return of_shape


def naive(picture, down, right, pixels):
    """The picture whose pixel (y, x) is that of (y + down - pixels, x + right - pixels), or of the nearest edge."""
    _, height, width = picture.shape
    shifted = np.empty_like(picture)
    for y in range(height):
        for x in range(width):
            from_y = min(max(y + down - pixels, 0), height - 1)
            from_x = min(max(x + right - pixels, 0), width - 1)
            shifted[:, y, x] = picture[:, from_y, from_x]
    return shifted


@pytest.mark.parametrize("shape", [(5, 2, 6, 9), (1, 1, 1, 1), (40, 4, 7, 5), (3, 3, 2, 2)])
@pytest.mark.parametrize("pixels", [0, 1, 4])
def test_each_observation_is_shifted_as_its_naive_twin(seen, shape, pixels):
    transition, draws = seen(*shape), torch.Generator().manual_seed(3)
    shifted = shift(3, pixels)(transition)
    for got, picture in (
        (shifted.observation, transition.observation),
        (shifted.next_observation, transition.next_observation),
    ):
        down, right = torch.randint(2 * pixels + 1, (2, shape[0]), generator=draws).tolist()
        expected = [naive(p, *by, pixels) for p, *by in zip(picture.numpy(), down, right, strict=True)]
        assert got.dtype == torch.uint8
        assert np.array_equal(got.numpy(), np.stack(expected))


def test_the_edge_is_repeated_and_the_frames_of_a_stack_move_together(seen):
    rows = 200
    transition = seen(rows, 2, 3, 3)
    columns = torch.tensor([10, 20, 30], dtype=torch.uint8).expand(rows, 2, 3, 3)
    rowed = columns.transpose(2, 3)
    moved = shift()(replaced(transition, columns, rowed))
    assert {tuple(row[0, 0].tolist()) for row in moved.observation} == {
        (10, 10, 10),  # by -2: what was left of the edge
        (10, 10, 20),
        (10, 20, 30),
        (20, 30, 30),
        (30, 30, 30),
    }
    assert torch.equal(moved.observation[:, 0], moved.observation[:, 1])
    assert {tuple(row[0, :, 0].tolist()) for row in moved.next_observation} == {
        (10, 10, 10),
        (10, 10, 20),
        (10, 20, 30),
        (20, 30, 30),
        (30, 30, 30),
    }


def replaced(transition, observation, next_observation):
    return replace(transition, observation=observation, next_observation=next_observation)


def offsets(pictures, size):
    """(down, right) of each shifted picture [N, 1, H, W] of a single bright pixel in the middle."""
    rows = pictures.flatten(1).argmax(1)
    return torch.stack([size // 2 - rows // size, size // 2 - rows % size], 1)


def test_every_shift_is_as_likely_and_none_depends_on_another(seen):
    rows, size = 5_000, 9
    dot = torch.zeros(rows, 1, size, size, dtype=torch.uint8)
    dot[:, :, size // 2, size // 2] = 255
    moved = shift()(replaced(seen(rows, 1, size, size), dot, dot))
    columns = torch.cat([offsets(moved.observation, size), offsets(moved.next_observation, size)], 1)  # [N, 4]
    assert columns.abs().max() == PIXELS
    for column in columns.T:
        counts = torch.bincount(column + PIXELS, minlength=5)
        assert ((counts - rows / 5) ** 2 / (rows / 5)).sum() < 4 + 5 * 8**0.5
    correlation = torch.corrcoef(columns.T.double())  # down and right, of s and of s'
    assert (correlation - torch.eye(4)).abs().max() < 4 / rows**0.5


def test_actions_rewards_and_discounts_stay(seen):
    transition = seen()
    moved = shift()(transition)
    assert all(getattr(moved, name) is getattr(transition, name) for name in ("action", "reward", "discount"))


def test_a_batch_is_not_written_to(seen):
    transition = seen()
    before = transition.observation.clone(), transition.next_observation.clone()
    shift()(transition)
    assert torch.equal(transition.observation, before[0])
    assert torch.equal(transition.next_observation, before[1])


def test_the_stream_of_shifts_travels(seen):
    first, second, transition = shift(1), shift(2), seen()
    first(transition)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    one, other = first(transition), second(transition)
    assert torch.equal(one.observation, other.observation)
    assert torch.equal(one.next_observation, other.next_observation)


def test_by_its_name_it_shifts_by_four_pixels_as_in_the_paper(seen):
    transition = seen(50, 1, 9, 9)
    by_name = AUGMENTATIONS["shift"](torch.Generator().manual_seed(5))(transition)
    assert torch.equal(by_name.observation, shift(5, pixels=4)(transition).observation)


def test_the_learner_learns_from_what_was_shifted_and_its_stream_travels(learner, batch, equal, forwards):
    agents = [learner(augmentation=shift(seed, pixels=4)) for seed in (1, 1, 2)]
    twin, seen_twin = shift(1, pixels=4), batch(0)
    with forwards(agents[0].networks) as runs:
        agents[0].update(batch(0))
    shifted = twin(seen_twin.transition)
    torch.testing.assert_close(runs[-1][2], shifted.observation / 255)
    for _, _, observation in runs[:-1]:
        torch.testing.assert_close(observation, shifted.next_observation / 255)
    agents[1].update(batch(0)), agents[2].update(batch(0))
    assert equal(agents[0].networks.online.state_dict(), agents[1].networks.online.state_dict())
    assert not equal(agents[0].networks.online.state_dict(), agents[2].networks.online.state_dict())
    agents[2].load_state_dict(copy.deepcopy(agents[0].state_dict()))
    for agent in (agents[0], agents[2]):
        agent.update(batch(1))
    assert equal(agents[0].networks.online.state_dict(), agents[2].networks.online.state_dict())
