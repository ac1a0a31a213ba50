"""What a CUDA graph does, on the CPU: takes down the kernels of a function, then runs them again over the same tensors.

Nothing of Python runs again, every kernel reads and writes the very tensors it did, and waiting for the device is
refused: what holds for these recordings of a function's kernels holds for a graph of them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default, torch.ops.aten.nonzero.default}


class Kernels(TorchDispatchMode):
    """Runs kernels, and takes them down."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[Callable[..., Any], Any, Any, Any]] = []

    def __torch_dispatch__(self, kernel: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if kernel in WAITS:
            raise RuntimeError(f"{kernel} waits for the device: no graph can be made of it")
        result = kernel(*args, **(kwargs or {}))
        self.taken.append((kernel, args, kwargs or {}, result))
        return result

    def launch(self) -> None:
        """All kernels again; what they return is put where it was put the first time."""
        with torch.no_grad():
            for kernel, args, kwargs, result in self.taken:
                for kept, new in zip(tree_leaves(result), tree_leaves(kernel(*args, **kwargs)), strict=True):
                    if isinstance(kept, Tensor) and kept.data_ptr() != new.data_ptr():
                        kept.copy_(new)


def record(function: Callable[[], tuple[Tensor, ...]]) -> tuple[tuple[Tensor, ...], Callable[[], None]]:
    """A `rlvision.nn.cuda_graphs.Record` of the CPU."""
    with Kernels() as kernels:
        outputs = function()
    return outputs, kernels.launch
