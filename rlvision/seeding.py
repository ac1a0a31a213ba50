"""One seed, many independent streams of random numbers, each with a name."""

import zlib

import numpy as np
import torch


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
