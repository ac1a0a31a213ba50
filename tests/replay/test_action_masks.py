"""Action masks in the replay: with the rows in memory and on disk, and in every batch as a naive twin has them."""

import numpy as np
import pytest
import torch

from rlvision.core.action_masks import MaskedStep, MaskedTransition
from rlvision.core.errors import EnvError
from rlvision.core.types import EnvSpec, Transition
from rlvision.replay.buffer import ReplayBuffer, required_bytes
from rlvision.replay.settings import ReplaySettings

NUM_ENVS, A, LENGTH, STACK, N_STEP = 2, 5, 24, 2, 3


def spec(mask_size=A):
    return EnvSpec(NUM_ENVS, (STACK, 2, 4), 1, tuple("abcde"), 1, mask_size)


def replay(mask_size=A, compression="none", prioritised=False):
    settings = ReplaySettings(
        capacity=LENGTH * NUM_ENVS, batch_size=32, compression=compression, prioritised=prioritised
    )
    return ReplayBuffer(
        settings,
        spec(mask_size),
        n_step=lambda env_steps: N_STEP,
        gamma=lambda env_steps: 0.5,
        beta=lambda env_steps: 0.0,
        generator=torch.Generator().manual_seed(1),
    )


def mask_at(cell):
    """The mask of a cell, row * N + environment."""
    return [bool((cell * 7 + action * action) % 3) for action in range(A)]


def row(number):
    """A row whose newest frame has the number of its cell; every seventh row ends the games of environment 1."""
    cells = number * NUM_ENVS + np.arange(NUM_ENVS)
    pixels = np.zeros((NUM_ENVS, STACK, 2, 4), np.uint8)
    pixels[:, -1] = cells[:, None, None]
    flags = [np.array([False, number % 7 == phase]) for phase in (4, 20, 6)]
    return MaskedStep(
        pixels, cells % A, np.ones(NUM_ENVS, np.float32), *flags, mask=np.array(list(map(mask_at, cells)))
    )


def filled(rows=40, **how):
    memory = replay(**how)
    for number in range(rows):
        memory.add(row(number))
    return memory


@pytest.mark.parametrize(
    "how", [{}, {"compression": "lz4"}, {"prioritised": True}], ids=["raw", "compressed", "prioritised"]
)
def test_a_batch_has_the_masks_of_both_its_observations(how):
    memory, ends = filled(**how), 0
    for _ in range(5):
        seen = memory.sample().transition
        assert isinstance(seen, MaskedTransition)
        for place in range(32):
            cell, next_cell = int(seen.observation[place, -1, 0, 0]), int(seen.next_observation[place, -1, 0, 0])
            assert seen.mask[place].tolist() == mask_at(cell)
            assert seen.next_mask[place].tolist() == mask_at(next_cell)
            ends += next_cell - cell < N_STEP * NUM_ENVS
    assert ends  # some windows are shorter than n


def test_masks_are_saved_with_the_rows_and_the_continued_replay_is_the_same(tmp_path):
    memory, again = filled(), replay()
    manifest = memory.save_rows(tmp_path)
    again.load_rows(tmp_path, manifest)
    again.load_state_dict(memory.state_dict())
    for number in range(40, 50):
        memory.add(row(number))
        again.add(row(number))
    one, other = memory.sample().transition, again.sample().transition
    for name in MaskedTransition.__dataclass_fields__:
        assert getattr(one, name).equal(getattr(other, name))
    assert again.save_rows(tmp_path)[-1] == memory.save_rows(tmp_path)[-1]


def test_a_replay_without_masks_has_the_rows_and_the_layout_that_it_always_had():
    plain, masked = filled(mask_size=0), filled()
    assert type(plain.sample().transition) is Transition
    assert plain._ring.row_bytes == NUM_ENVS * (2 * 4 + 8 + 4 + 3)
    assert plain.state_dict()["layout"] == [LENGTH, NUM_ENVS, 1, 2, 4, False]
    assert masked.state_dict()["layout"] == [LENGTH, NUM_ENVS, 1, 2, 4, False, A]


def test_masks_count_as_memory():
    settings = ReplaySettings(capacity=LENGTH * NUM_ENVS)
    cells = LENGTH * NUM_ENVS
    assert required_bytes(settings, spec()) - required_bytes(settings, spec(0)) == cells * A
    assert filled()._ring.nbytes - filled(mask_size=0)._ring.nbytes == cells * A


def test_a_row_without_its_mask_is_refused():
    masked = row(0)
    plain = MaskedStep.__base__(*(getattr(masked, name) for name in MaskedStep.__base__.__dataclass_fields__))
    with pytest.raises(EnvError, match=r"expected a row with an action mask \[2, 5\], got \[2, 0\]"):
        replay().add(plain)
