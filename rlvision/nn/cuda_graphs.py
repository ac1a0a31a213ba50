"""Kernels launched as one: a function of tensors is taken down once, and from then on launched as a CUDA graph.

A small network keeps a GPU less busy than the processor that launches its kernels one by one. A graph has them all
launched at once, always over the same tensors: what comes in is copied to where the graph reads, what comes out is
copied from where it writes. What Python decides is decided when the kernels are taken down, and never again.

Source: "CUDA Graphs" in PyTorch's notes on CUDA semantics.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

WARM_UP = 3
"""Calls before the kernels are taken down: libraries choose algorithms, optimisers make their state."""

Tensors = tuple[Tensor, ...]
TensorFunction = Callable[..., Tensors]
"""Tensors to tensors, all on one device; what it does to others (weights, statistics) it does in place."""

ReplayFn = Callable[[], None]
CaptureFn = Callable[[Callable[[], Tensors]], tuple[Tensors, ReplayFn]]
"""Calls a function once, with effect; returns its outputs, and what launches its kernels on the same tensors again."""

_depth = 0


def is_capturing() -> bool:
    """Whether kernels are being taken down: what must be computed anew each time must not be kept from before."""
    return _depth > 0


def cuda_graph(function: Callable[[], Tensors]) -> tuple[Tensors, ReplayFn]:
    """A `CaptureFn` by a CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = function()
    graph.replay()  # the capture itself computes nothing
    return outputs, graph.replay


class GraphedFunction:
    """``function``, launched as one; the first calls are ordinary ones.

    Args:
        function: must not wait for the device, nor branch on what a tensor holds.
        capture: how its kernels are taken down.
    """

    def __init__(self, function: TensorFunction, capture: CaptureFn = cuda_graph) -> None:
        self._function = function
        self._capture = capture
        self.reset()

    def reset(self) -> None:
        """Take the kernels down anew: a tensor that they write to or read from was replaced."""
        self._calls = 0
        self._launch: ReplayFn | None = None

    def __call__(self, *inputs: Tensor) -> Tensors:
        """What the function returns for tensors of the shapes of the first call; copies, to keep."""
        if self._calls < WARM_UP:
            self._calls += 1
            return self._warm_up(inputs)
        if self._launch is None:
            self._inputs = tuple(given.clone() for given in inputs)
            with _capturing():
                self._outputs, self._launch = self._capture(lambda: self._function(*self._inputs))
        else:
            for read, given in zip(self._inputs, inputs, strict=True):
                read.copy_(given)
            self._launch()
        return tuple(output.clone() for output in self._outputs)

    def _warm_up(self, inputs: Tensors) -> Tensors:
        """An ordinary call, on a stream of its own as a capture is."""
        device = inputs[0].device
        if device.type != "cuda":
            return self._function(*inputs)
        side, here = torch.cuda.Stream(device), torch.cuda.current_stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(here)
        with torch.cuda.stream(side):
            outputs = self._function(*inputs)
        here.wait_stream(side)
        return outputs


class GraphedByShape:
    """``function``, captured for each shape of its one input: games being trained on, games being evaluated.

    Args:
        function: as of `GraphedFunction`.
        capture: as of `GraphedFunction`.
    """

    def __init__(self, function: TensorFunction, capture: CaptureFn = cuda_graph) -> None:
        self._function = function
        self._capture = capture
        self._graphed: dict[torch.Size, GraphedFunction] = {}

    def __call__(self, given: Tensor) -> Tensors:
        """As of `GraphedFunction`."""
        if given.shape not in self._graphed:
            self._graphed[given.shape] = GraphedFunction(self._function, self._capture)
        return self._graphed[given.shape](given)


@contextmanager
def _capturing() -> Iterator[None]:
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
