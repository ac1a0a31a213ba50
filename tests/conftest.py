"""Small parts that the tests of several rooms build."""

from typing import Any

import pytest
import torch

from rlvision.core.types import EnvSpec, Schedule
from rlvision.learning.schedules import Constant
from rlvision.replay.buffer import ReplayBuffer
from rlvision.replay.settings import ReplaySettings


@pytest.fixture(scope="session")
def make_replay():
    """A replay of frames of a few bytes; what is not named is as small as it can be."""
    return _replay


def _replay(
    *,
    num_envs: int = 1,
    frame_shape: tuple[int, int, int] = (1, 1, 1),
    stack: int = 1,
    n_step: int | Schedule = 1,
    gamma: float | Schedule = 0.5,
    beta: float | Schedule = 0.4,
    seed: int = 0,
    reward_transform: Any = None,
    device: str = "cpu",
    **settings: Any,
) -> ReplayBuffer:
    channels, height, width = frame_shape
    owed = {"batch_size": 1, "samples_per_env_step": 1, "learning_starts": 0}
    return ReplayBuffer(
        ReplaySettings(**owed | settings),
        EnvSpec(num_envs, (stack * channels, height, width), channels, ("0", "1"), frameskip=1),
        n_step=_schedule(n_step),
        gamma=_schedule(gamma),
        beta=_schedule(beta),
        generator=torch.Generator().manual_seed(seed),
        reward_transform=reward_transform,
        device=device,
    )


def _schedule(number: float | Schedule) -> Schedule:
    return number if callable(number) else Constant(number)
