"""The one codec of the replay, in memory and on the disk: LZ4.

Of those tried on frames of real games (docs/memory.md) it is not the smallest, but by far the quickest to undo,
and a batch undoes hundreds of frames.
"""

import lz4.block

Content = bytes | memoryview


def pack(content: Content) -> bytes:
    """The content, smaller."""
    packed: bytes = lz4.block.compress(content, store_size=False)
    return packed


def unpack(packed: Content, size: int) -> bytes:
    """The ``size`` bytes of which `pack` made ``packed``."""
    content: bytes = lz4.block.decompress(packed, uncompressed_size=size)
    return content


def longest(size: int) -> int:
    """The most bytes that `pack` may make of ``size``: LZ4's own bound."""
    return size + size // 255 + 16
