"""Independent, named streams of random numbers from one seed."""

import zlib

import numpy as np
import torch

from rlvision.core.types import State


def derive(seed: int, name: str) -> int:
    """Return a 63-bit seed for the stream ``name`` of a run with this seed.

    Streams of different names or seeds are independent (NumPy's SeedSequence). A new consumer of random numbers
    therefore never changes the numbers of the others.
    """
    words = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def generator(seed: int, name: str) -> torch.Generator:
    """Return a CPU generator for the stream ``name``."""
    return torch.Generator().manual_seed(derive(seed, name))


def random_state() -> State:
    """Return the state of torch's global generators, from which dropout draws: the CPU's and the GPUs'."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = torch.cuda.get_rng_state_all() if in_use else []
    return {"cpu": torch.get_rng_state(), "gpus": gpus}


def set_random_state(state: State) -> None:
    """Restore the state of torch's global generators; the state of a GPU that this machine lacks is ignored."""
    torch.set_rng_state(state["cpu"])
    for index, gpu in enumerate(state["gpus"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(gpu, index)
