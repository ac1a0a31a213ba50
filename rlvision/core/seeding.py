"""One seed, many independent streams of random numbers, each with a name."""

import zlib

import numpy as np
import torch

from rlvision.core.types import State


def derive(seed: int, name: str) -> int:
    """A 63-bit seed for the stream ``name`` of a run seeded with ``seed``.

    Streams of different names or seeds are independent (NumPy's SeedSequence), so that adding a consumer of
    random numbers never changes what the others draw.
    """
    words = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def generator(seed: int, name: str) -> torch.Generator:
    """A CPU generator for the stream ``name``."""
    return torch.Generator().manual_seed(derive(seed, name))


def random_state() -> State:
    """State of torch's own generators, from which dropout draws: the CPU's, and those of the GPUs."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = torch.cuda.get_rng_state_all() if in_use else []
    return {"cpu": torch.get_rng_state(), "gpus": gpus}


def set_random_state(state: State) -> None:
    """Go on from a saved state; GPUs that this machine lacks are left out."""
    torch.set_rng_state(state["cpu"])
    for index, gpu in enumerate(state["gpus"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(gpu, index)
