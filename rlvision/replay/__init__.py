"""Replay: single frames stored once, n-step windows, uniform and prioritised draws, rows on the disk."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.replay.buffer import ReplayBuffer as ReplayBuffer
    from rlvision.replay.buffer import required_bytes as required_bytes
    from rlvision.replay.frame_store import require_compressible as require_compressible
    from rlvision.replay.persistence import BLOCK_BYTES as BLOCK_BYTES
    from rlvision.replay.persistence import collect_garbage as collect_garbage
    from rlvision.replay.settings import ReplaySettings as ReplaySettings

__getattr__, __all__ = public_names(
    __name__,
    {
        "buffer": ["ReplayBuffer", "required_bytes"],
        "frame_store": ["require_compressible"],
        "persistence": ["BLOCK_BYTES", "collect_garbage"],
        "settings": ["ReplaySettings"],
    },
)
